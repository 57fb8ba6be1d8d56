"""Run folders and the processes behind them. Core: standard library, pydantic, YAML and psutil only."""
