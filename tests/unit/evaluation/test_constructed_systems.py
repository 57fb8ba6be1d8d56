"""The verdict on systems whose worth is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.evaluation.constructed_systems import EXPECTED, write_case
from toolkit.evaluation.inputs import human_system, read_references, read_system
from toolkit.evaluation.results import evaluate_systems
from toolkit.options.evaluation import MetricOptions
from toolkit.results.document import Results
from toolkit.runs.recorder import Recorder

OPTIONS = MetricOptions(bertscore_model="embedded:all-minilm-l6-v2", sensitivity_items=0, bootstrap_samples=1000)
pytestmark = pytest.mark.slow
OFTEN = ("perfect", "reversed", "negated", "generic_list")  # the others with `make test-all` and `make bench-eval`


@pytest.fixture(autouse=True, scope="module")
def one_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The human answers are encoded once for all systems."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPTUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def judged(folder: Path) -> Results:
    items, source = read_references(folder / "dataset", "test")
    systems = [read_system(name, folder / name, items) for name in ("baseline", "tuned")]
    return evaluate_systems(items, systems, human_system(items, source), OPTIONS, Recorder(None))


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.long) for name in EXPECTED]
)
def test_the_verdict_on_a_system_of_known_worth(name: str, tmp_path: Path) -> None:
    verdict = judged(write_case(tmp_path, name)).verdict
    assert verdict.outcome == EXPECTED[name].outcome, verdict


def test_perfect_answers_to_five_questions_are_not_enough(tmp_path: Path) -> None:
    """Five groups cannot reach p = .05 in a test by signs, however good the answers are."""
    verdict = judged(write_case(tmp_path, "perfect", count=5)).verdict
    assert verdict.outcome == "insufficient", verdict
    assert (verdict.rows_enough or 0) > 5
