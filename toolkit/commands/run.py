"""`steptune run` and `steptune resume`: start a recipe under its supervisor, and follow it or not."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from toolkit import catalog, config
from toolkit.errors import EXIT_CANCELLED, EXIT_DONE, SteptuneError, UsageError
from toolkit.planning import preflight
from toolkit.planning.check import Check
from toolkit.planning.data_preview import data_preview_lines
from toolkit.planning.inputs import check_inputs
from toolkit.planning.plan import LaunchPlan, plan_launch
from toolkit.planning.token_preview import preview_lines, recipe_preview, token_pieces
from toolkit.records import JSON
from toolkit.run_folder.find import find_run, runs_root
from toolkit.run_folder.folder import RunFolder
from toolkit.runs import launch
from toolkit.runs.change import changed_plan
from toolkit.runs.follow import Follower
from toolkit.runs.notice import ring
from toolkit.runs.stop import ask_to_stop, stop_notice, wait_until_ended
from toolkit.settings import Settings
from toolkit.terminal.output import say, say_error, say_json, say_painted


def run(args: argparse.Namespace) -> int:
    """Resolve, check, launch, follow; returns the run's exit code."""
    if args.share and not (args.queue or args.sweep or args.seeds):
        raise UsageError("--share belongs to --queue: it says that a run in the queue may share a GPU.")
    if args.slurm and not args.submit:
        raise UsageError("--slurm belongs to --submit slurm: it is an option of sbatch.")
    if args.submit and (args.queue or args.detach or args.sweep or args.seeds):
        raise UsageError(
            "--submit hands one run to Slurm, which has a queue of its own; leave --queue and --sweep out."
        )
    if args.stop_after and not (args.sweep or args.seeds):
        raise UsageError("--stop-after belongs to --sweep and --seeds: a run is judged by the others of its sweep.")
    overrides = [*args.overrides, *_thresholds(args.recipe, args.fail_under)]
    if args.sweep or args.seeds:
        from toolkit.commands import sweep

        return sweep.start(args, overrides)
    settings = config.resolve(args.recipe, args.preset, Path(args.config) if args.config else None, overrides)
    if args.submit and not args.dry_run:
        return _submit(args, settings)
    if args.queue and not args.dry_run:
        return _queue(args, settings)
    plan = plan_launch(settings, args.on, args.accelerate_args, planning_only=args.dry_run, count_rows=True)
    run_dir = Path(args.run_dir) if args.run_dir else None
    checks = preflight.check_launch(plan, (run_dir or runs_root()).absolute())
    if args.dry_run:
        return _show_plan(args, plan, run_dir, [*check_inputs(settings), *checks])
    preflight.require(checks)
    started = launch.start(plan, run_dir)
    return _detach(started, args.json) if args.detach else follow_in_foreground(started, args.json)


def _queue(args: argparse.Namespace, settings: Settings) -> int:
    from toolkit.commands.queue import here, say_queued
    from toolkit.runs.enqueue import Order, add

    run_dir = Path(args.run_dir) if args.run_dir else None
    return say_queued(add(here(), [Order(settings, args.on, args.accelerate_args, args.share, run_dir)]), args.json)


def _submit(args: argparse.Namespace, settings: Settings) -> int:
    from toolkit.runs.enqueue import Order
    from toolkit.runs.slurm import parse_options
    from toolkit.runs.submit import submit

    run_dir = Path(args.run_dir) if args.run_dir else None
    order = Order(settings, args.on, args.accelerate_args, run_dir=run_dir)
    run, job = submit(order, parse_options(args.slurm))
    return _say_submitted(run, job, args.json)


def _say_submitted(run: RunFolder, job: str, as_json: bool) -> int:
    """A job may wait for hours: nobody follows it from here."""
    if as_json:
        document = {"id": run.id, "recipe": run.recipe, "state": run.state(), "run_dir": str(run.path)}
        say_json(document | ({"job": job} if job else {}))
    else:
        say(f"{run.id} {run.state()}, Slurm's job{f' {job}' if job else ''}, in {run.path}")
    return 0


def _thresholds(recipe: str, given: list[str]) -> list[str]:
    """`--fail-under METRIC=VALUE` as an override of evaluate's own option."""
    option = catalog.find_recipe(recipe).fail_under
    if given and option is None:
        gated = catalog.names_where(lambda recipe: recipe.fail_under)
        raise UsageError(f"--fail-under belongs to {gated}; {recipe} measures nothing that could be compared.")
    return [f"{option}.{item}" for item in given]


def resume(args: argparse.Namespace) -> int:
    """Continue a run in its own folder, perhaps with changed options."""
    found = find_run(args.run)
    plan = changed_plan(found, args.overrides) if args.overrides else None
    if plan is not None:
        preflight.require(preflight.check_launch(plan, found.path))
    if args.queue:
        return _queue_again(found, plan, args.json)
    for name, (before, now) in launch.resume(found, plan).items():
        say_error(f"config.yaml was edited: {name} was {before}, is {now} from here on (recorded in events.jsonl)")
    if (ticket := found.ticket) and ticket.submitted:
        return _say_submitted(found, "", args.json)
    return _detach(found, args.json) if args.detach else follow_in_foreground(found, args.json)


def _queue_again(found: RunFolder, plan: LaunchPlan | None, as_json: bool) -> int:
    from toolkit.commands.queue import here, say_queued
    from toolkit.runs.enqueue import add_again

    add_again(here(), found, plan)
    return say_queued([found], as_json)


def _show_plan(args: argparse.Namespace, plan: LaunchPlan, run_dir: Path | None, checks: list[Check]) -> int:
    """`--dry-run`: everything that would happen, and the exit code that preflight would give."""
    folder = run_dir.absolute() if run_dir else runs_root() / f"<time>-{plan.recipe.name}-<id>"
    refused = any(check.level == "refused" for check in checks)
    preview = (plan.preview or _preview(plan)) if plan.recipe.preview and not refused else {}
    estimate = preflight.training_memory(plan)
    if args.json:
        document = {
            "recipe": plan.recipe.name,
            "on": plan.on,
            "run_dir": str(folder),
            "argv": plan.argv(folder),
            "machines": plan.on_every_machine(folder),
            "stages": dict(_stage_commands(plan, folder)),
            "environment": plan.environment,
            "config": config.to_json(plan.settings),
            "preflight": {"ok": not refused, "checks": [vars(check) for check in checks]},
            "memory_bytes": {**estimate.items, "together": estimate.total} if estimate else None,
            "preview": preview or None,
        }
        say_json(document)
    else:
        say(f"# {plan.recipe.name} on {plan.on}, in {folder}\n{plan.config_yaml}")
        commands = plan.on_every_machine(folder)
        for rank, argv in enumerate(commands):
            say((f"Command on machine {rank}: " if len(commands) > 1 else "Command: ") + " ".join(argv))
        for name, argv in _stage_commands(plan, folder):
            say(f"  {name}: " + " ".join(argv))
        say("Environment: " + " ".join(f"{name}={value}" for name, value in plan.environment.items()) + "\n")
        say("\n".join(f"{check.level:<8} {check.name}: {check.message}" for check in checks))
        if estimate:
            say("\nMemory of one training process, estimated:\n  " + "\n  ".join(estimate.lines()))
        if preview:
            say()
            _say_preview(plan.recipe, preview)
    return preflight.PreflightError.exit_code if refused else int(preview.get("exit_code", 0))


def _preview(plan: LaunchPlan) -> JSON:
    return recipe_preview(plan.recipe.preview_program, plan.interpreter, plan.config_yaml, plan.environment)


def _say_preview(recipe: catalog.Recipe, preview: JSON) -> None:
    if recipe.preview == "rows":
        say("\n".join(data_preview_lines(preview)))
        return
    say("\n".join(preview_lines(preview)))
    if "error" not in preview:
        say_painted(token_pieces(preview["tokens"], colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))


def _stage_commands(plan: LaunchPlan, folder: Path) -> list[tuple[str, list[str]]]:
    """The command lines of a pipeline's stages; [] for other recipes."""
    settings = plan.settings.stage_settings()
    return [
        (
            stage.name,
            plan_launch(settings[stage.section], plan.on).argv(RunFolder(folder).stage(stage.name).path),
        )
        for stage in plan.recipe.stages
    ]


def _detach(started: RunFolder, as_json: bool) -> int:
    from toolkit.commands.ending import report

    if launch.wait_until_started(started):
        return report(started, as_json)
    if started.result is None:  # neither up nor ended in time
        ask_to_stop(started)
        wait_until_ended(started)
    return report(started, as_json)


def follow_in_foreground(started: RunFolder, as_json: bool, keep_going: Callable[[], bool] = lambda: True) -> int:
    """Follow until the run has ended or `keep_going` says no; returns its exit code, 0 while it goes on. The run
    belongs to its supervisor: losing this process does not touch it.
    """
    from toolkit.commands.ending import report  # not at the top: it is loaded while the run comes up

    if not as_json:
        say_error(f"{started.id} in {started.path}")
    follower = Follower(started)
    while True:
        try:
            state = follower.follow(keep_going)
            if not state.is_over:
                return EXIT_DONE
            ring(f"steptune: {started.id} {state}")
            return report(started, as_json)
        except KeyboardInterrupt:
            if _wants_to_leave(started):
                say_error(
                    f"{started.id} goes on; follow it with `steptune logs -f {started.id}`, end it with `steptune stop"
                    f" {started.id}`."
                )
                return EXIT_CANCELLED


def _wants_to_leave(started: RunFolder) -> bool:
    """Ctrl-C: leave the run going, stop it, or go on following. Without a terminal to ask, the run is stopped."""
    if not sys.stdin.isatty():
        _stop(started)
        return False
    say_error(f"\n{started.id} is still running. [l]eave it going, [s]top it, or go on [f]ollowing? [l] ", end="")
    try:
        answer = sys.stdin.readline().strip().lower()
    except KeyboardInterrupt:
        return True
    if answer.startswith("s"):
        _stop(started)
    return not answer.startswith(("s", "f"))


def _stop(started: RunFolder) -> None:
    try:
        ask_to_stop(started)
        if notice := stop_notice(started):
            say_error(notice)
    except SteptuneError as error:  # it ended in between
        say_error(f"steptune: {error}")
