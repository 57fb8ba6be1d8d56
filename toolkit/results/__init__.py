"""What an evaluation writes, as models: built by evaluate, read by everything that shows it."""
