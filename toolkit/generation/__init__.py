"""Generation: merge an adapter into its base model, answer a list of prompts with one engine, lose nothing."""
