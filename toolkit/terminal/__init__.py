"""Text as a terminal may safely show it: cleaned, laid out, printed; and numbers as people read them."""
