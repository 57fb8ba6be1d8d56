"""Running: supervisor, launch, stop, follow, pipeline. Core: standard library, pydantic, YAML and psutil only."""
