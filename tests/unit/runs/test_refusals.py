"""What may be done to a run: commands refuse with the sentence that the screens show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.errors import UsageError
from toolkit.records import write_json
from toolkit.run_folder.create import create_run
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.checkpoint_request import ask_for_checkpoint
from toolkit.runs.launch import resume
from toolkit.runs.row import RunRow, read_row
from toolkit.runs.stop import ask_to_stop
from toolkit.runs.trash import put_in_trash


def shown(act: Callable[[RunFolder], None], row: RunRow) -> str:
    sentences = {
        ask_to_stop: row.no_stop,
        resume: row.no_resume,
        ask_for_checkpoint: row.no_checkpoint,
        put_in_trash: row.no_deletion,
    }
    return sentences[act]


@pytest.mark.parametrize(
    ("state", "refused"),
    [
        (State.FINISHED, (ask_to_stop, resume, ask_for_checkpoint)),
        (State.CANCELLED, (ask_to_stop, ask_for_checkpoint)),
        (State.STARTING, (resume, put_in_trash)),
    ],
)
def test_command_and_screen_say_the_same(
    runs: Path, state: State, refused: tuple[Callable[[RunFolder], None], ...]
) -> None:
    run = create_run("sft", "")
    if state.is_ended:
        write_json(run.result_file, {"state": state})
    row = read_row(run.path)
    for act in (ask_to_stop, resume, ask_for_checkpoint, put_in_trash):
        sentence = shown(act, row)
        assert bool(sentence) is (act in refused), act
        if sentence:
            with pytest.raises(UsageError) as error:
                act(run)
            assert str(error.value) == sentence
