"""Results in words, tables and JSON. Nothing else knows the terminal."""
