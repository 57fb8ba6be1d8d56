"""Every sentence that a screen says stands there whole: it fits or is wrapped, on small terminals too."""

from __future__ import annotations

import fcntl
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.tui.pilot import running, settled, shows, text_of, until
from tests.tui.sample_runs import make_run
from toolkit.run_folder.folder import RunFolder
from toolkit.run_folder.states import State
from toolkit.runs.next_steps import meaning, next_steps
from tui.logic.lines import line, plain, width_of, wrapped

SMALL = ((80, 24), (72, 20))
MESSAGE = (
    "The optimiser found a loss that is no number in step 23; lower learning_rate (found 0.01), or look at the rows."
)
STATES = (State.FAILED, State.OUT_OF_MEMORY, State.CANCELLED, State.LOST, State.STALLED, State.FINISHED, State.RUNNING)


@pytest.mark.parametrize("size", SMALL)
@pytest.mark.parametrize("state", STATES)
async def test_a_run_says_its_state_message_and_next_steps_whole(
    tmp_path: Path, state: State, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = state.value if state.is_ended else None
    batch = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    path = make_run(
        tmp_path / "runs", "20261118-100000-sft-aaaa", state=ended, message=MESSAGE, created=time.time(), config=batch
    )
    lock = (path / "run.lock").open("ab")
    if state.is_live:
        fcntl.flock(lock, fcntl.LOCK_EX)
        monkeypatch.setattr("toolkit.run_folder.folder.STALLED_AFTER_S", -1 if state is State.STALLED else 1e12)
    async with running(tmp_path / "runs", size) as (app, pilot):
        await pilot.press("enter")
        await shows(pilot, "checkpoint at step")
        await settled(pilot)
        seen = words(text_of(app))
        said = [meaning(state), *(step.text for step in next_steps(RunFolder(path), state))]
        said += [MESSAGE] if state.is_bad and state.is_ended else []
        assert [sentence for sentence in said if words(sentence) not in seen] == []
    lock.close()


EMPTY = {
    "1": "steptune teaches a language model to answer how-to questions in numbered steps, and shows by a test that it"
    " does: data set, training, answers before and after, and a report of what is better.",
    "3": "No data set has been built in this folder yet. `data-build` builds one; `pipeline` begins with it.",
    "4": "There is no blind study in this folder yet. a makes one; `steptune study rate PACKET` opens a packet from"
    " elsewhere.",
    "5": "No evaluation has finished in this folder yet. `evaluate` compares predictions with the references;"
    " `pipeline` runs it last.",
    "8": "nvidia-smi is not there: this machine has no NVIDIA card, or no driver.",
}


@pytest.mark.parametrize("size", SMALL)
async def test_places_without_anything_say_what_to_do_whole(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.machine.gpu_status.shutil.which", lambda _name: None)
    async with running(tmp_path / "runs", size) as (app, pilot):
        for key, sentence in EMPTY.items():
            await pilot.press(key)
            await until(pilot, lambda wanted=sentence: words(wanted) in words(text_of(app)))  # type: ignore[misc]


def test_a_long_line_goes_on_below_with_its_indent_and_keeps_the_style_of_its_beginning() -> None:
    spans = line("  ", ("K", "key"), ("  does a thing that takes many words to say", "dim"))
    found = wrapped(spans, 24)
    assert [plain(part) for part in found] == ["  K  does a thing that", "  takes many words to", "  say"]
    assert all(width_of(part) <= 24 for part in found)
    assert [span.style for span in found[0]] == ["", "key", "dim"]


def words(text: Any) -> str:
    return " ".join(re.sub(r"[│▁▂▃▄▅▆▇█]", " ", str(text)).split())
