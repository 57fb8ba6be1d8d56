"""Putting runs into the queue: planned as if nothing ran on this machine, with a ticket in their folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit import config
from toolkit.errors import SteptuneError, UsageError
from toolkit.machine.gpus import PROMISED_VARIABLE, Gpus, machine_gpus
from toolkit.planning import preflight
from toolkit.planning.accelerate_config import default_on, read_accelerate_config
from toolkit.planning.plan import LaunchPlan, plan_launch, trained_on
from toolkit.records import read_json, write_json, write_text
from toolkit.run_folder.create import create_run
from toolkit.run_folder.documents import Command, Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.queue_folder import QueueFolder
from toolkit.run_folder.states import State
from toolkit.runs.advance import advance_locked, no_start
from toolkit.runs.launch import make_ready, take_up_command, write_command
from toolkit.runs.queue import changeable, require_inside
from toolkit.settings import Settings

_MIB = 1024**2


@dataclass(frozen=True)
class Order:
    """What is to be queued: a config with its hardware (`on`), the arguments for accelerate, and whether it shares."""

    settings: Settings
    on: str | None = None
    accelerate_args: tuple[str, ...] = ()
    shares: bool = False
    run_dir: Path | None = None
    parent: str | None = None
    run_id: str | None = None


def add(queue: QueueFolder, orders: Sequence[Order]) -> list[RunFolder]:
    """Put runs at the end of the queue, all of them or none, and start what may start.

    Raises:
        PreflightError: this machine could not run one of them even if nothing else ran on it.
        UsageError: something about one of them cannot be queued.
        DiskFullError: no space; nothing was queued.
    """
    cards = {on: read_accelerate_config(on).gpus().emptied for on in {order.on or default_on() for order in orders}}
    plans = [_plan(order, cards[order.on or default_on()]) for order in orders]
    for order, plan in zip(orders, plans, strict=True):
        preflight.require(preflight.check_launch(plan, queue.root))
        _require_queueable(queue, order, plan)
    made: list[RunFolder] = []
    with queue.locked():
        try:
            for order, plan in zip(orders, plans, strict=True):
                made.append(_make(order, plan))
            queue.write_order()
        except BaseException:
            for run in made:
                shutil.rmtree(run.path, ignore_errors=True)
            raise
        advance_locked(queue)
    return made


def add_again(queue: QueueFolder, run: RunFolder, plan: LaunchPlan | None = None) -> None:
    """Put a run that ended or was lost at the end of the queue: it goes on from what it saved. With the options of
    `plan`, if there is one.

    Raises:
        UsageError: it is still running or already finished, or it does not lie in the runs folder.
    """
    require_inside(queue, run.path)
    with queue.locked():
        _requeue(run, plan)
        queue.write_order()
        advance_locked(queue)


@dataclass(frozen=True)
class TakenUp:
    """`lost`: runs that wait again; `left`: why others that were lost do not; `started`: what was started."""

    lost: list[RunFolder]
    left: list[str]
    started: list[RunFolder]


def take_up(queue: QueueFolder) -> TakenUp:
    """After a restart of the machine, or whenever nothing moves the queue on: runs that it had started and that were
    lost wait again, in front of all others, and what may start is started.
    """
    with queue.locked():
        lost = [
            run
            for run in queue.open_runs()
            if _was_started_here(run) and run.state() is State.LOST and not no_start(run)
        ]
        again, left = [], []
        for run in lost:
            try:
                _requeue(run, None)
                again.append(run)
            except SteptuneError as error:  # its processes are alive, or its config was edited
                left.append(str(error))
        queue.write_order(first=again)
        return TakenUp(again, left, advance_locked(queue))


def _was_started_here(run: RunFolder) -> bool:
    ticket = run.ticket
    return run.used_ticket_file.exists() and ticket is not None and not ticket.submitted


def _plan(order: Order, emptied: Gpus) -> LaunchPlan:
    """On cards with nothing on them: what runs now will have ended when this run starts."""
    return plan_launch(order.settings, order.on, order.accelerate_args, planning_only=True, gpus=emptied)


def _require_queueable(queue: QueueFolder, order: Order, plan: LaunchPlan) -> None:
    if order.run_dir:
        require_inside(queue, order.run_dir.absolute())
    if plan.nodes:
        raise UsageError(
            f"--on {plan.on} is for several machines, and the queue is one machine's; use --submit slurm, or start the"
            " run on each machine."
        )
    if order.shares and not (_cards_asked(plan) and preflight.training_memory(plan)):
        raise UsageError(
            "--share goes by the estimate of a training's memory on a GPU, and there is none for this run; leave"
            " --share out."
        )


def _make(order: Order, plan: LaunchPlan) -> RunFolder:
    """The run's folder with its ticket. `auto` is left as it is: it is decided when the run starts."""
    model = order.settings.trained_or_asked_model
    run = create_run(plan.recipe.name, config.dump(order.settings), order.run_dir, order.parent, model, order.run_id)
    try:
        write_command(run, take_up_command(run), plan.environment, plan.on)
        ticket = replace(_ticket(plan, order.shares), accelerate_args=order.accelerate_args)
        write_json(run.ticket_file, ticket.to_json())
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    return run


def _ticket(plan: LaunchPlan, shares: bool) -> Ticket:
    estimate = preflight.training_memory(plan) if shares else None
    return Ticket(
        cards=_cards_asked(plan),
        may_take=tuple(card.uuid for card in plan.gpus.cards),
        shares=shares,
        memory_mib=int(estimate.total / _MIB) + 1 if estimate else None,
        queued_unix=round(time.time(), 3),
    )


def _cards_asked(plan: LaunchPlan) -> int:
    """The most cards that one of the stages takes at once."""
    cards = plan.gpus.cards
    asked = [0]
    for recipe, settings in plan.stages if cards else []:
        if recipe.by_accelerate:
            asked.append(len(trained_on(plan.accelerate, cards, plan.asked_processes)))
        elif settings.engine:
            asked.append(settings.engine.gpus_each * (settings.engine.data_parallel_size or 1))
            asked.append(len(cards) if plan.accelerate.several_on_one_machine else 0)
    return min(max(asked), len(cards))


def _requeue(run: RunFolder, plan: LaunchPlan | None) -> None:
    before = run.ticket
    environment = Command.from_json(read_json(run.command_file) or {}).environment
    make_ready(run, plan)
    ticket = before or _ticket_of_command(environment)
    fresh = replace(ticket, got=(), held=False, submitted=False, queued_unix=round(time.time(), 3))
    write_json(run.ticket_file, fresh.to_json())
    run.used_ticket_file.unlink(missing_ok=True)
    run.keep_earlier_result()


def _ticket_of_command(environment: dict[str, str]) -> Ticket:
    promised = [uuid for uuid in environment.get(PROMISED_VARIABLE, "").split(",") if uuid]
    return Ticket(len(promised), tuple(card.uuid for card in machine_gpus().cards) if promised else ())


def edit(queue: QueueFolder, run: RunFolder, overrides: Sequence[str]) -> None:
    """Change options of a run that waits and has not run before.

    Raises:
        ConfigError: a key or value that cannot be.
        UsageError: it has been started, or has run before.
        PreflightError: it could not run so.
    """
    settings = config.resolve(run.recipe, config_file=run.config_file, overrides=overrides)
    on = Command.from_json(read_json(run.command_file) or {}).on
    plan = _plan(Order(settings, on), read_accelerate_config(on).gpus().emptied)
    preflight.require(preflight.check_launch(plan, queue.root))
    with queue.locked():
        changeable(queue, run)
        if run.processes_file.exists():
            raise UsageError(f"{run.id} has run before; `steptune queue drop` it, then `steptune resume` it KEY=VALUE.")
        ticket = run.ticket or Ticket()
        asked = _ticket(plan, ticket.shares)
        write_text(run.config_file, config.dump(settings))
        write_text(run.started_config_file, config.dump(settings))
        kept = {name: getattr(ticket, name) for name in ("held", "queued_unix", "accelerate_args")}
        write_json(run.ticket_file, replace(asked, **kept).to_json())
        advance_locked(queue)
