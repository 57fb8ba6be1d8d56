"""What the screens know, without Textual: reading run folders, filters, forms, comparisons, lines of text."""
