"""rclone, and nothing else: what it is told, how it is run, and what its answers and its files mean."""
