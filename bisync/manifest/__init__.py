"""The manifest: read with the place of everything in it, checked as a whole, made into `bisync.config` values."""
