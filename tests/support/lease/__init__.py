"""The lease on paper: all that its devices, its store and the network can do (`python -m tests.support.lease`)."""
