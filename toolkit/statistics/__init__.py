"""Statistics that evaluations and studies share; standard library only."""
