"""What a person can ask for, one verb a file. Each returns a value; none prints."""
