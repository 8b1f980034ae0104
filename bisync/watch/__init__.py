"""What starts runs by itself: edits here, fellows in the cloud, and the time."""
