"""What each `steptune` command does, one module per group; imported only when its command is given."""
