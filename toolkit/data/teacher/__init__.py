"""A teacher model that writes and rewords rows: what it is asked, what it answered, what that costs."""
