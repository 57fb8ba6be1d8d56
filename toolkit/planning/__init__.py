"""What a run would need, worked out before anything starts: preflight, memory, previews. Core: no ML library."""
