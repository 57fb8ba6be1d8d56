"""What screens are made of: pages, dialogs, and the keys and lines that several of them share."""
