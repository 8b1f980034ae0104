"""Runs that nobody types: what starts them is systemd, launchd or cron."""
