"""What looks at all rows together: copies, groups, splits, what people decided, repeated rows, leaks."""
