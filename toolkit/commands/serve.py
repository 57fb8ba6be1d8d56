"""`steptune serve`: a run's model behind OpenAI's API, as a run of its own that outlives this terminal."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from toolkit import catalog, config
from toolkit.commands.run import follow_in_foreground
from toolkit.errors import UsageError
from toolkit.machine import packages
from toolkit.options.asking import AskOptions
from toolkit.options.serving import KEY_VARIABLE
from toolkit.planning import preflight
from toolkit.planning.plan import plan_launch
from toolkit.run_folder.find import find_run, runs_root
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import launch
from toolkit.runs.run_model import engine_of, model_of
from toolkit.runs.served import ServedAt, served_at
from toolkit.settings.serve import ServeSettings
from toolkit.terminal.output import say, say_error

QUESTION = "How do I reset my router?"


def serve(args: argparse.Namespace) -> int:
    """Start the server, say where it is, and follow it, or not; returns the run's exit code."""
    run = find_run(args.run)
    model = model_of(run, needs_adapter=not args.base)
    recipe = catalog.recipe_of(ServeSettings)
    settings = config.resolve(recipe.name, overrides=[*_overrides(run, model, args), *args.overrides])
    plan = plan_launch(settings, args.on)
    run_dir = Path(args.run_dir) if args.run_dir else None
    preflight.require(checks := preflight.check_launch(plan, (run_dir or runs_root()).absolute()))
    for check in checks:
        if check.level == "warning":
            say_error(f"{check.name}: {check.message}")
    started = launch.start(plan, run_dir)
    say_error(f"{started.id} in {started.path}")
    return follow_in_foreground(started, as_json=False, keep_going=_Announcer(started, args.detach).keeps_going)


def _overrides(run: RunFolder, model: AskOptions, args: argparse.Namespace) -> list[str]:
    """The run's model and engine as options of the recipe. JSON is YAML: no value is read as something else."""
    names = ("model", "revision", "trust_remote_code", "merge_mode", "prompt_format", "max_new_tokens")
    values = {name: getattr(model, name) for name in (*names, "temperature", "top_p", "presence_penalty")}
    values["adapter"] = str(model.adapter) if model.adapter and not args.base else None
    values |= {name: value for name in ("port", "host") if (value := getattr(args, name)) is not None}
    values["require_key"] = bool(os.environ.get(KEY_VARIABLE))
    values |= {f"generator.{name}": value for name, value in engine_of(run).items()}
    if not packages.is_installed("vllm"):
        values["generator.backend"] = "transformers"
    if args.port is not None and not 0 < args.port < 65536:
        raise UsageError(f"--port {args.port}: expected a number from 1 to 65535.")
    return [f"{name}={json.dumps(value)}" for name, value in values.items() if value is not None]


class _Announcer:
    """Says once where the server is, when it is up; with `detach` that is the end of following it."""

    def __init__(self, run: RunFolder, detach: bool) -> None:
        self.run, self.detach, self.said = run, detach, False

    def keeps_going(self) -> bool:
        if not self.said and (found := served_at(self.run)):
            self.said = True
            say("\n".join(address_lines(self.run, found)))
        return not (self.said and self.detach)


def address_lines(run: RunFolder, found: ServedAt) -> list[str]:
    """How to look at the server, to ask it and to end it."""
    with_key = bool(os.environ.get(KEY_VARIABLE))
    key = f' -H "Authorization: Bearer ${KEY_VARIABLE}"' if with_key else ""
    body = json.dumps({"model": found.model, "messages": [{"role": "user", "content": QUESTION}]})
    return [
        f"{run.id} answers as {found.model} at {found.url}/v1",
        f"  health  curl {found.url}/health",
        f"  curl    curl {found.url}/v1/chat/completions{key} -H 'Content-Type: application/json' -d '{body}'",
        f"  ask     steptune ask {run.id}",
        f"  stop    steptune stop {run.id}",
    ]
