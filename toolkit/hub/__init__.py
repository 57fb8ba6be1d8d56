"""The Hugging Face hub before anything heavy is imported: its cache on this machine, its answers, its models."""
