"""Widgets, one a file. They show what they are given and send messages."""
