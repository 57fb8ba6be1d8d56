"""The finished data set: its folder, card, pictures and further formats."""
