"""What gets written: Jinja templates, rendered by `bisync.render`."""
