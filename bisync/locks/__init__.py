"""What keeps two runs of one sync apart."""
