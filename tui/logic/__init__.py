"""What the screens know, without Textual: reading run folders, filters, forms, comparisons, drawing as lines of text."""
