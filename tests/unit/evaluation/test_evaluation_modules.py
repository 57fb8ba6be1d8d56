"""The modules for Hugging Face's evaluate, loaded by path and without a network."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.evaluation.evaluation_samples import numbered
from toolkit.errors import UsageError
from toolkit.evaluation.modules import NAMES, metric_path

REFERENCES = [
    numbered("Open the app.", "Choose settings.", "Tap wifi."),
    numbered("Press power.", "Wait for the light."),
]
REVERSED = numbered("Tap wifi.", "Choose settings.", "Open the app.")


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """evaluate copies a module into its cache of modules before it imports it: keep the user's clean.

    That cache is a package, and another test of the same process may have imported it from elsewhere.
    """
    import evaluate.config
    import evaluate.loading

    folder = str(tmp_path_factory.mktemp("evaluate"))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.partition(".")[0] == "evaluate_modules"]:
            patch.delitem(sys.modules, name)
        patch.syspath_prepend(folder)
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", folder)
        evaluate.loading.init_dynamic_modules(hf_modules_cache=folder)
        yield


def test_every_module_is_where_its_path_says() -> None:
    assert all((Path(metric_path(name)) / f"steptune_{name}.py").exists() for name in NAMES)
    with pytest.raises(UsageError, match="there are: rouge_l, bertscore, format, steps"):
        metric_path("bleu")


@pytest.mark.slow
def test_modules_are_loaded_by_path_and_score(tiny_bert: Path) -> None:
    import evaluate

    rouge = evaluate.load(metric_path("rouge_l")).compute(predictions=[REVERSED, REFERENCES[1]], references=REFERENCES)
    assert rouge["scores"] == [pytest.approx(3 / 7), 1.0]
    form = evaluate.load(metric_path("format")).compute(predictions=[REVERSED, "Press power."])
    assert (form["format_conformance"], form["conforms"]) == (0.5, [True, False])
    bert = evaluate.load(metric_path("bertscore")).compute(
        predictions=["", REFERENCES[1]], references=REFERENCES, model=str(tiny_bert)
    )
    assert bert["f1"] == [0.0, pytest.approx(1, abs=1e-6)]
    steps = evaluate.load(metric_path("steps")).compute(
        predictions=[REVERSED, ""], references=REFERENCES, model=str(tiny_bert), threshold=0.99
    )
    assert (steps["scores"], steps["order_tau"]) == ([1.0, 0.0], -1.0)
    assert math.isnan(steps["taus"][1])
