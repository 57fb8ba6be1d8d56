"""Fine-tuning: rows to tokens, the base model in few bits, training with TRL, the adapter folder."""
