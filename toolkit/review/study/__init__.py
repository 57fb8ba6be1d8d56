"""The blind study: sealed plan, packets for raters, hash-chained ratings, what they show. No ML library, no numpy."""
