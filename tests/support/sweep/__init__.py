"""Every fault at every moment of a run: what `python -m tests.support.sweep` plays.

A run goes in a child process and is watched: each of its file operations below the device's home, and each line of
rclone's log, is a moment (`moments`). At one moment one thing goes wrong (`faults`): we are killed, or stopped, the
user saves or deletes a file, the disk refuses the operation. What has to hold after that is in `verdict`.
"""
