"""From a plan to a running recipe: its run folder, its supervisor, and the proof that the launch worked."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from toolkit.catalog import recipe_of_run
from toolkit.config import resolve
from toolkit.errors import PreflightError, UsageError
from toolkit.machine.gpus import PROMISED_VARIABLE, VISIBLE_VARIABLE, card_environment, most_free, my_gpus
from toolkit.machine.processes import RUN_ID_VARIABLE, tagged_with
from toolkit.planning.plan import LaunchPlan
from toolkit.records import read_json, write_json, write_text
from toolkit.run_folder.config_values import edits_since_start
from toolkit.run_folder.create import create_run
from toolkit.run_folder.documents import Command, EventName, Ticket
from toolkit.run_folder.folder import STARTING_S, RunFolder
from toolkit.run_folder.states import State
from toolkit.runs import slurm
from toolkit.runs.change import changes, require_changeable
from toolkit.runs.nodes import node_folder
from toolkit.runs.refusals import RunAsItIs, require
from toolkit.runs.spawn import SUPERVISOR_TIMEOUT_S, spawn_supervisor

LAUNCH_TIMEOUT_S = 180.0
# Names whose values explain a run; everything else of the environment may hold secrets and is not recorded.
RECORDED_VARIABLES = (
    VISIBLE_VARIABLE,
    "HF_HUB_OFFLINE",
    "HF_HOME",
    "OMP_NUM_THREADS",
    "STEPTUNE_CACHE",
    "VIRTUAL_ENV",
)


def start(plan: LaunchPlan, run_dir: Path | None = None, parent: str | None = None) -> RunFolder:
    """Create the run folder and start its supervisor; returns at once. Raises UsageError for a folder that is in use.

    Of several machines, the first makes the run folder; each of the others has a folder of its own in it, for its log.
    """
    folder = node_folder(run_dir, plan.nodes) if plan.nodes else run_dir
    if plan.nodes and plan.nodes.rank and run_dir:
        parent = RunFolder(run_dir).id
    run = create_run(plan.recipe.name, plan.config_yaml, folder, parent, plan.settings.trained_or_asked_model)
    write_command(run, plan.argv(run.leader.path), plan.environment, plan.on)
    start_supervisor(run)
    return run


def take_up_command(run: RunFolder) -> list[str]:
    """What a run that waits starts with: it is planned then, on what it gets."""
    return [sys.executable, "-P", "-m", "toolkit.runs.take_up", str(run.path)]


def write_command(run: RunFolder, argv: list[str], environment: dict[str, str], on: str) -> None:
    """What the run's supervisor starts, with the variables of this process that explain a run."""
    recorded = {name: os.environ[name] for name in RECORDED_VARIABLES if name in os.environ}
    command = Command(argv, os.getcwd(), {**recorded, **environment, RUN_ID_VARIABLE: run.id}, on)
    write_json(run.command_file, command.to_json())


def resume(run: RunFolder, plan: LaunchPlan | None = None) -> dict[str, tuple[Any, Any]]:
    """Start a run that ended or was lost again, in its own folder, from what it saved; with the options of `plan`, if
    there is one. Returns what was edited in its config since the newest attempt: (before, now) by option.

    Raises:
        UsageError: it is still running or already finished, or what was edited cannot change in the middle of it.
        PreflightError: it had more GPUs than are visible now.
    """
    ticket = run.ticket
    edits = make_ready(run, plan)
    if ticket and ticket.submitted:
        submit_again(run, ticket)
        return edits
    run.tear_up_ticket()
    run.keep_earlier_result()
    start_supervisor(run)
    return edits


def submit_again(run: RunFolder, ticket: Ticket) -> None:
    """As a new job of Slurm, planned on the machine that it gets."""
    command = Command.from_json(read_json(run.command_file) or {})
    write_json(run.command_file, replace(command, argv=take_up_command(run)).to_json())
    slurm.submit(run, ticket)
    run.used_ticket_file.unlink(missing_ok=True)
    run.keep_earlier_result()


def make_ready(run: RunFolder, plan: LaunchPlan | None = None) -> dict[str, tuple[Any, Any]]:
    """All of `resume` short of the start: what was recorded is as the next attempt needs it."""
    known = RunAsItIs.read(run)
    require(known.no_resume)
    if survivors := tagged_with(run.id):
        pids = ", ".join(str(process.pid) for process in survivors)
        raise UsageError(
            f"Processes of {run.id} are still alive (pid {pids}); end them with `steptune stop {run.id}` first."
        )
    edits = edits_since_start(run)
    require_changeable(run, list(edits))
    if not (run.ticket and run.ticket.submitted):
        _renew_cards(run)
    changed = dict(edits)
    if plan is not None:
        before = resolve(run.recipe, config_file=run.config_file)
        changed |= changes(before, plan.settings)
        write_text(run.config_file, plan.config_yaml)
    recorded = {"changed": {key: list(values) for key, values in changed.items()}} if changed else {}
    run.add_event(EventName.RESUMED, after=known.state, **recorded)
    if changed:
        shutil.copyfile(run.config_file, run.started_config_file)
    return edits


def _renew_cards(run: RunFolder) -> None:
    """Where a card of the run is gone, others in its place: as many as before, for processes are counted by them."""
    row = read_json(run.command_file) or {}
    planned = row.get("environment")
    names = str(planned.get(PROMISED_VARIABLE, "")) if isinstance(planned, dict) else ""
    before = [uuid for uuid in names.split(",") if uuid]
    if not before:
        return
    found = my_gpus()
    cards = tuple(card for card in found.cards if card.uuid in before)
    if len(cards) < len(before):
        wanted = len(before) if recipe_of_run(run.recipe).by_accelerate else 1
        if len(found.cards) < wanted:
            raise PreflightError(
                f"{run.id} runs on {wanted} GPU(s), visible now: {len(found.cards)}"
                f"{f' ({found.problem})' if found.problem else ''}; make as many visible, or start a new run."
            )
        cards = most_free(found.cards, max(wanted, len(cards)))
    command = Command.from_json(row)
    environment = {**command.environment, **card_environment(cards)}
    write_json(run.command_file, replace(command, environment=environment).to_json())


def start_supervisor(run: RunFolder) -> None:
    """Start the supervisor and wait until it holds the run's lock: before that the run would look lost."""
    supervisor = spawn_supervisor(run)
    deadline = time.monotonic() + SUPERVISOR_TIMEOUT_S
    while time.monotonic() < deadline and supervisor.poll() is None and not run.is_locked() and run.result is None:
        time.sleep(0.02)


def wait_until_started(run: RunFolder, timeout_s: float = LAUNCH_TIMEOUT_S) -> bool:
    """Whether the recipe came up and took its config; False as soon as the run has ended or its supervisor is lost."""
    deadline = time.monotonic() + timeout_s
    last_there = time.monotonic()
    while time.monotonic() < deadline:
        if has_started(run):
            return True
        if run.state() is not State.LOST:
            last_there = time.monotonic()
        if run.result is not None or time.monotonic() - last_there > STARTING_S:  # a resumed one is lost until it is up
            return False
        time.sleep(0.2)
    return False


def has_started(run: RunFolder) -> bool:
    """Whether the newest attempt's recipe has taken its config."""
    for event in reversed(run.leader.events()):
        if event.name == EventName.SUPERVISOR_STARTED:
            return False
        if event.name == EventName.STARTED:
            return True
    return False
