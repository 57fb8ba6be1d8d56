"""Screens, one a file. A screen shows state and sends messages; workers never touch widgets."""
