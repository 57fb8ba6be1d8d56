"""The first process of a run that the queue starts: it plans the run on the cards that it was given, and becomes its
recipe.

    python -P -m toolkit.runs.take_up RUN_DIR                 (the command that a queued run has)

What a run needs is decided here and not when it was queued: `auto` goes by the rows and the memory that are there now.
Where a card's memory is still held by a program that the queue does not know, it waits for it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import NoReturn

from toolkit import catalog, config
from toolkit.errors import SteptuneError
from toolkit.planning import preflight
from toolkit.planning.accelerate_config import read_accelerate_config
from toolkit.planning.check import Check
from toolkit.planning.plan import LaunchPlan, plan_launch
from toolkit.records import read_json, write_json, write_text
from toolkit.run_folder.documents import Command, EventName, Ticket
from toolkit.run_folder.folder import RunFolder
from toolkit.terminal.output import say, say_error

TRY_AGAIN_S = 20.0


def main() -> NoReturn:
    run = RunFolder(Path(sys.argv[1]).absolute())
    command = Command.from_json(read_json(run.command_file) or {})
    try:
        plan = _plan_when_there_is_room(run, command.on, run.ticket or Ticket())
        write_text(run.config_file, plan.config_yaml)
        write_text(run.started_config_file, plan.config_yaml)
        environment = {**command.environment, **plan.environment}
        planned = Command(plan.argv(run.path), command.cwd, environment, plan.on)
        write_json(run.command_file, planned.to_json())
    except SteptuneError as error:
        run.add_event(EventName.ENDED, kind=error.kind, message=str(error), exit_code=error.exit_code)
        say_error(str(error))
        sys.exit(error.exit_code)
    os.execvpe(planned.argv[0], planned.argv, {**os.environ, **environment})


def _plan_when_there_is_room(run: RunFolder, on: str, ticket: Ticket) -> LaunchPlan:
    """The plan as `steptune run` makes it. Raises PreflightError for what would be refused on empty cards too."""
    while True:
        plan, refused = _plan(run, on, ticket, emptied=False)
        if not refused:
            return plan
        if not plan.gpus.cards or _plan(run, on, ticket, emptied=True)[1]:
            preflight.require(refused)
        say(f"Waiting for memory that another program holds: {refused[0].message}")
        run.add_metric(phase="waiting for a GPU", done=0, total=0)
        time.sleep(TRY_AGAIN_S)


def _plan(run: RunFolder, on: str, ticket: Ticket, emptied: bool) -> tuple[LaunchPlan, list[Check]]:
    """(plan, what is refused)."""
    settings = config.load_resolved(catalog.find_recipe(run.recipe).settings, run.config_file)
    gpus = read_accelerate_config(on).gpus()
    if ticket.got:
        gpus = gpus.only(ticket.got)
    plan = plan_launch(settings, on, ticket.accelerate_args, count_rows=True, gpus=gpus.emptied if emptied else gpus)
    checks = preflight.check_launch(plan, run.path)
    return plan, [check for check in checks if check.level == "refused"]


if __name__ == "__main__":
    main()
