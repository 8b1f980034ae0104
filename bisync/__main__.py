"""`python -m bisync` is the program `bisync`."""

from bisync.tasks.program import main

main()
