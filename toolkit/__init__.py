"""steptune: from how-to questions to numbered instructions, with proof. See README.md for the map."""

__version__ = "0.1.0"
