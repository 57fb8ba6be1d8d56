"""What is known of the words of how-to texts in English and Indonesian: word lists, forms, titles as questions."""
