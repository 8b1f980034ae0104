"""Two-way cloud sync, declared in a file: the engine behind `bisync` and `invoke sync`."""

__version__ = "0.1.0"
