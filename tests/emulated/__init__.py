"""Machines with GPUs that are not there, for tests and docs/gpus.md."""
