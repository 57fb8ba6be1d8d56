"""Word lists: what is known of the words of how-to texts in English and Indonesian."""
