"""Options, each declared once, in groups that the recipes' settings are made of and the stages take whole."""
