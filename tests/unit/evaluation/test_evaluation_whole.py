"""The whole evaluation: no connection, the same bytes however it is run, and inputs that are large, odd or alike."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.evaluation.evaluation_samples import WORDS, numbered
from toolkit.evaluation.inputs import human_system, read_references, read_system
from toolkit.evaluation.report import render_html, render_markdown
from toolkit.evaluation.results import evaluate_systems
from toolkit.options.evaluation import BootstrapOptions, MetricOptions
from toolkit.planning.plan import accelerate_launch
from toolkit.records import read_json
from toolkit.results.document import Results
from toolkit.runs.recorder import Recorder
from toolkit.settings import EvaluateSettings

ROOT = Path(__file__).parents[3]
REFERENCES = [numbered("Open the app.", "Choose settings.", f"Tap wifi {index}.") for index in range(8)]
GOOD = [text.replace("Choose", "Open") for text in REFERENCES]
BAD = [" ".join(WORDS[: 3 + index]) for index in range(8)]
NO_SOCKETS = """
import sys
def audit(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        address = args[1] if event == "socket.connect" else args[0]
        print(f"CONNECTION ATTEMPT {event} {address!r}", file=sys.stderr, flush=True)
        raise OSError("sockets are blocked")
sys.addaudithook(audit)
"""


def evaluated(folder: Path, names: list[str], options: MetricOptions) -> Results:
    options = options.with_options(BootstrapOptions(bootstrap_samples=200))
    items, source = read_references(folder / "dataset", "test")
    systems = [read_system(name, folder / name, items) for name in names]
    return evaluate_systems(items, systems, human_system(items, source), options, Recorder(None))


def without_times(path: Path) -> str:
    document = read_json(path) or {}
    document["environment"].pop("time")
    return json.dumps(document)


def run(
    run_dir: Path, settings: EvaluateSettings, launcher: list[str], **environment: str
) -> subprocess.CompletedProcess[str]:
    run_dir.mkdir()
    (run_dir / "config.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")
    command = [*launcher, str(ROOT / "recipes" / "evaluate" / "run.py"), "--run-dir", str(run_dir)]
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "",
        "STEPTUNE_CACHE": str(run_dir / "cache"),
        **environment,
    }
    return subprocess.run(command, capture_output=True, text=True, env=variables, check=False)


@pytest.mark.slow
@pytest.mark.long
def test_one_and_two_processes_and_any_batch_size_give_the_same_bytes(
    test_set: Callable[..., Path], tiny_bert: Path, tmp_path: Path
) -> None:
    folder = test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD})
    common: dict[str, Any] = {
        "predictions": {name: folder / name for name in ("baseline", "tuned")},
        "data": folder / "dataset",
    }
    common |= {"bertscore_model": str(tiny_bert), "bootstrap_samples": 200, "sensitivity_items": 4}
    accelerate = [*accelerate_launch(), "--config_file"]
    shapes = {
        "one": ([sys.executable], 32),
        "small": ([sys.executable], 3),
        "two": ([*accelerate, str(ROOT / "accelerate_configs" / "cpu_2proc_ddp.yaml")], 5),
    }
    for name, (launcher, size) in shapes.items():
        settings = EvaluateSettings(**common, bertscore_batch_size=size)
        # As many threads in each: a CPU's kernels add up in another order with two threads than with one.
        ended = run(
            tmp_path / name, settings, launcher, ACCELERATE_USE_CPU="true", HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1"
        )
        assert ended.returncode == 0, ended.stderr[-2000:]
    documents = {name: without_times(tmp_path / name / "report" / "results.json") for name in shapes}
    assert documents["one"] == documents["small"] == documents["two"]


@pytest.mark.slow
def test_with_sockets_blocked_nothing_tries_to_connect(
    test_set: Callable[..., Path], tiny_bert: Path, tmp_path: Path
) -> None:
    """Without HF_HUB_OFFLINE: not even a try."""
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text(NO_SOCKETS, encoding="utf-8")
    folder = test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD})
    predictions = {name: folder / name for name in ("baseline", "tuned")}
    settings = EvaluateSettings(
        predictions=predictions, data=folder / "dataset", bertscore_model=str(tiny_bert), bootstrap_samples=200
    )
    ended = run(
        tmp_path / "run", settings, [sys.executable], PYTHONPATH=f"{tmp_path / 'block'}:{ROOT}", HF_HUB_OFFLINE="0"
    )
    assert (ended.returncode, "CONNECTION ATTEMPT" in ended.stderr) == (0, False), ended.stderr[-2000:]


def test_texts_of_a_hundred_thousand_tokens(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    long_list = numbered(*["Open the app and wait." for _ in range(20_000)])
    outputs = ["wait " * 100_000, long_list, *GOOD[2:]]
    tuned = evaluated(
        test_set(REFERENCES, {"tuned": outputs}),
        ["tuned"],
        MetricOptions(bertscore_model=str(tiny_bert), bertscore_cache=False, sensitivity_items=0),
    ).systems["tuned"]
    assert (tuned.metrics["bertscore_f1"].truncated, tuned.metrics["step_f1"].truncated) == (2, 1)
    assert tuned.rates["repetitive"].count == 2


def test_right_to_left_and_east_asian_texts(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    references = [
        "١. افتح التطبيق\n٢. اضغط على الإعدادات",
        "1、打开应用\n2、点击设置",
        "1. פתח את האפליקציה\n2. לחץ על הגדרות",
    ]
    options = MetricOptions(bertscore_model=str(tiny_bert), bertscore_cache=False, sensitivity_items=0)
    results = evaluated(
        test_set(references, {"baseline": references[::-1], "tuned": references}), ["baseline", "tuned"], options
    )
    tuned = results.systems["tuned"]
    assert (tuned.metrics["rouge_l"].mean, tuned.metrics["format_conformance"].mean) == (1.0, 1.0)
    assert "tokenizer:unicode" in tuned.metrics["rouge_l"].signature
    html = render_html(results)
    assert all(text.splitlines()[0] in html for text in references)
    assert 'dir="auto"' in html


def test_systems_that_answer_alike_do_not_differ(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    results = evaluated(
        test_set(REFERENCES, {"baseline": GOOD, "tuned": GOOD}),
        ["baseline", "tuned"],
        MetricOptions(bertscore_model=str(tiny_bert), bertscore_cache=False),
    )
    row = results.comparisons[0]
    assert (row.difference, row.p, row.p_holm, row.effect, row.ties) == (0.0, 1.0, 1.0, None, 8)
    assert row.ci95 is not None
    assert row.ci95[0] < 0 < row.ci95[1]
    assert results.verdict.outcome == "not_better"
    assert "its answers are those of baseline, word for word" in results.verdict.plain
    assert "<svg" in render_html(results)


def test_all_outputs_empty(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    results = evaluated(
        test_set(REFERENCES, {"baseline": [""] * 8, "tuned": GOOD}),
        ["baseline", "tuned"],
        MetricOptions(bertscore_model=str(tiny_bert), bertscore_cache=False),
    )
    baseline = results.systems["baseline"]
    assert {name: baseline.metrics[name].mean for name in ("rouge_l", "bertscore_f1", "step_f1", "order_tau")} == {
        "rouge_l": 0.0,
        "bertscore_f1": 0.0,
        "step_f1": 0.0,
        "order_tau": None,
    }
    assert (baseline.metrics["order_tau"].n, baseline.metrics["order_tau"].undefined) == (0, 8)
    order = next(row for row in results.comparisons if row.metric == "order_tau")
    assert (order.n, order.difference, order.p_holm) == (0, None, None)
    assert "Order τ is not defined for 8 of 8 outputs" in render_html(results)
    assert "Order τ is not defined for 8 of 8 outputs" in render_markdown(results)


def test_idf_with_one_item_is_reported_as_undefined(test_set: Callable[..., Path], tiny_bert: Path) -> None:
    options = MetricOptions(bertscore_model=str(tiny_bert), bertscore_cache=False, bertscore_idf=True)
    results = evaluated(
        test_set(REFERENCES[:1], {"baseline": BAD[:1], "tuned": GOOD[:1]}), ["baseline", "tuned"], options
    )
    metric = results.systems["tuned"].metrics["bertscore_f1"]
    assert (metric.mean, metric.n, metric.undefined) == (None, 0, 1)
    assert "|idf:yes(" in metric.signature
    assert "BERTScore F1 is not defined for 1 of 1 outputs" in render_html(results)


@pytest.mark.slow
def test_the_packages_of_the_field_are_backends_with_the_same_numbers(
    test_set: Callable[..., Path], tiny_bert: Path
) -> None:
    folder = test_set(REFERENCES, {"baseline": BAD, "tuned": GOOD})
    own = evaluated(
        folder,
        ["baseline", "tuned"],
        MetricOptions(bertscore_model=str(tiny_bert), bertscore_cache=False, bertscore_layer=3, sensitivity_items=4),
    )
    peer_options = MetricOptions(
        bertscore_model=str(tiny_bert),
        bertscore_cache=False,
        bertscore_layer=3,
        sensitivity_items=4,
        rouge_backend="rouge-score",
        bertscore_backend="bert-score",
    )
    peers = evaluated(folder, ["baseline", "tuned"], peer_options)
    for name in ("baseline", "tuned"):
        for metric in ("rouge_l", "bertscore_f1"):
            ours, theirs = (results.systems[name].metrics[metric] for results in (own, peers))
            assert ours.mean == pytest.approx(theirs.mean, abs=1.5e-6)
            backend = "backend:rouge-score-0.1.2" if metric == "rouge_l" else "backend:bert-score-0.3.13"
            assert backend in theirs.signature
