"""A teacher model that writes rows: what it is asked, what it answered, what that costs."""
