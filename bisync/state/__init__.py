"""What bisync remembers of a sync between two runs, below the state dir."""
