"""The metrics and statistics of evaluate against their peers and against published values.

    make bench-eval

rouge-score and bert-score run next to our own code on the bundled sample; encoders are MiniLM and a tiny random
RoBERTa.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
import yaml

from benchmarks.evaluation_truth import PARTS
from benchmarks.report import finish
from toolkit.evaluation.bertscore import BertScorer, Match, match_pair, official_baseline, weigh
from toolkit.evaluation.embedding_cache import EmbeddingCache
from toolkit.evaluation.encoder import Embedding, _same_length_batches, load_encoder, token_ids
from toolkit.evaluation.intervals import cluster, mean_interval, t_interval
from toolkit.evaluation.paired import sign_flip_p
from toolkit.evaluation.rouge import rouge_l, rouge_lsum, tokenize
from toolkit.models import resolve_model
from toolkit.planning.plan import accelerate_launch
from toolkit.results.document import RESULTS_FILE, Time
from toolkit.results.reading import read_results

ROOT = Path(__file__).resolve().parents[1]
MINILM = "embedded:all-minilm-l6-v2"
ITEMS = 24  # of the sample, for BERTScore
Pairs = list[tuple[str, str]]


def main() -> int:
    torch.set_num_threads(1)
    values: dict[str, float] = {}
    beside: dict[str, dict[str, Any]] = {}
    texts = _sample_texts()
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        for part in (_rouge, _bertscore, _failures, _statistics, _known_answers, _whole_runs):
            found, seen = part(texts, Path(scratch))
            values |= found
            beside |= seen
            print(json.dumps(found), file=sys.stderr, flush=True)
    for simulate in PARTS:
        found, seen = simulate()
        values |= found
        beside |= seen
        print(json.dumps(found), file=sys.stderr, flush=True)
    return finish("eval", values, beside)


def _sample_texts() -> list[str]:
    files = sorted((ROOT / "recipes" / "sample" / "howto").glob("*.jsonl"))
    return [json.loads(line)["output"] for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def _rouge(texts: list[str], scratch: Path) -> tuple[dict[str, float], dict]:
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rougeL"])
    generator = random.Random(1)
    words = " ".join(texts).split()
    pairs = [(" ".join(generator.choices(words, k=200)), " ".join(generator.choices(words, k=200))) for _ in range(120)]
    pairs_of_sample = [(left, right) for left, right in (generator.sample(texts, 2) for _ in range(200))]

    def theirs(some: Pairs) -> list[float]:
        return [scorer.score(reference, output)["rougeL"].fmeasure for output, reference in some]

    def ours(some: Pairs) -> list[float]:
        return [rouge_l(tokenize(reference), tokenize(output)) for output, reference in some]

    both = pairs + pairs_of_sample
    difference = max(abs(a - b) for a, b in zip(ours(both), theirs(both), strict=True))
    ratio, mine, other = _interleaved(lambda: ours(pairs), lambda: theirs(pairs), 3)
    speed = {"ours": round(len(pairs) / mine), "rouge-score": round(len(pairs) / other)}
    return {
        "ROUGE-L: largest difference to rouge-score": difference,
        "ROUGE-L: speed on 200-token texts against rouge-score (x)": ratio,
    }, {"ROUGE-L: speed on 200-token texts against rouge-score (x)": speed}


def _bertscore(texts: list[str], scratch: Path) -> tuple[dict[str, float], dict]:
    import bert_score

    references, first, second = texts[:ITEMS], texts[ITEMS : 2 * ITEMS], texts[2 * ITEMS : 3 * ITEMS]
    pairs = [*zip(first, references, strict=True), *zip(second, references, strict=True)]
    folder = resolve_model(MINILM)
    peer = bert_score.BERTScorer(model_type=folder, num_layers=6, batch_size=64)

    def theirs() -> list[list[float]]:
        return [part.tolist() for outputs in (first, second) for part in peer.score(outputs, references)]

    encoder = load_encoder(MINILM)
    _ = encoder.network

    def ours() -> dict[tuple[str, str], Match]:
        return BertScorer(encoder, EmbeddingCache(None, encoder.key), 32, _quiet).score(pairs)

    found, expected = ours(), theirs()
    mine = [
        [getattr(found[pair], part) for pair in half]
        for half in (pairs[:ITEMS], pairs[ITEMS:])
        for part in ("precision", "recall", "f1")
    ]
    differences = {
        "MiniLM": float(np.abs(np.array(mine) - np.array(expected)).max()),
        "RoBERTa": _roberta_difference(scratch, pairs[:ITEMS]),
    }
    ratio, own_s, peer_s = _interleaved(ours, theirs, 3)

    lengths = {text: token_ids(encoder, text)[0] for text in {*references, *first, *second}}
    batches = _same_length_batches(lengths, 32)
    padded = sum(len(batch) * max(len(lengths[text]) for text in batch) for batch in batches) / sum(
        map(len, lengths.values())
    )

    def run(cache: Path) -> float:
        started = time.process_time()
        BertScorer(encoder, EmbeddingCache(cache, encoder.key), 32, _quiet).score(pairs)
        return time.process_time() - started

    fresh = run(scratch / "embeddings")
    again = statistics.median(run(scratch / "embeddings") for _ in range(5))
    speed = {
        "ours": round(len(pairs) / own_s, 1),
        "bert-score": round(len(pairs) / peer_s, 1),
        "unit": "pairs per CPU-second",
    }
    return {
        "BERTScore: largest difference to bert-score": max(differences.values()),
        "BERTScore: pairs per CPU-second, two systems sharing references (x)": ratio,
        "BERTScore: padded tokens over tokens (x)": padded,
        "BERTScore: re-run from the cache (x)": round(fresh / again, 1),
    }, {
        "BERTScore: largest difference to bert-score": differences,
        "BERTScore: pairs per CPU-second, two systems sharing references (x)": speed,
    }


def _roberta_difference(scratch: Path, pairs: Pairs) -> float:
    """Against bert-score with the prefix space that transformers 5 drops there put back."""
    import bert_score
    from bert_score import scorer as module
    from tokenizers import ByteLevelBPETokenizer
    from transformers import AutoTokenizer, RobertaConfig, RobertaModel, RobertaTokenizerFast

    folder = scratch / "roberta"
    folder.mkdir()
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(
        [text for pair in pairs for text in pair], vocab_size=600, special_tokens=special, show_progress=False
    )
    trained.save_model(str(folder))
    RobertaTokenizerFast.from_pretrained(folder, model_max_length=510).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {
        "vocab_size": 600,
        "hidden_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    RobertaModel(RobertaConfig(**shape, max_position_embeddings=512)).save_pretrained(folder)
    original = module.get_tokenizer
    module.get_tokenizer = lambda *_, **__: AutoTokenizer.from_pretrained(folder, add_prefix_space=True)
    try:
        outputs, references = [output for output, _ in pairs], [reference for _, reference in pairs]
        expected = bert_score.BERTScorer(model_type=str(folder), num_layers=3).score(outputs, references)
    finally:
        module.get_tokenizer = original
    encoder = load_encoder(str(folder), 3)
    found = BertScorer(encoder, EmbeddingCache(None, encoder.key), 32, _quiet).score(pairs)
    mine = [[getattr(found[pair], part) for pair in pairs] for part in ("precision", "recall", "f1")]
    return float(np.abs(np.array(mine) - np.array([part.tolist() for part in expected])).max())


def _failures(texts: list[str], scratch: Path) -> tuple[dict[str, float], dict]:
    """The inputs on which bert-score fails, as the tests of the suite feed them."""
    names = [
        "test_inputs_on_which_bert_score_fails",
        "test_idf_with_a_single_reference",
        "test_empty_texts_score_zero",
        "test_long_texts_are_cut",
    ]
    tests = str(ROOT / "tests" / "unit" / "evaluation" / "test_evaluation_bertscore.py")
    roundtrip = str(ROOT / "tests" / "unit" / "evaluation" / "test_evaluation_steps_roundtrip.py")
    return {
        "inputs on which bert-score fails: crashes or silent results": _failed(tests, "-k", " or ".join(names)),
        "step parser: failed properties and false friends": _failed(roundtrip),
    }, {}


def _failed(*arguments: str) -> int:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    words = ended.stdout.split()
    failed = int(words[words.index("failed") - 1]) if "failed" in words else 0
    return failed if ended.returncode in (0, 1) and "passed" in ended.stdout else max(failed, 1)


def _statistics(texts: list[str], scratch: Path) -> tuple[dict[str, float], dict]:
    generator = np.random.default_rng(3)
    thousand = cluster(generator.normal(size=1000), [str(index) for index in range(1000)])
    covered = [_covers(generator, 60) for _ in range(4000)]
    share = float(np.mean(covered))
    return {
        "bootstrap, 10,000 resamples of 1,000 items (s)": _median_s(
            lambda: mean_interval(thousand, 10_000, 1, (-9.0, 9.0))
        ),
        "sign-flip test, 10,000 flips of 1,000 items (s)": _median_s(lambda: sign_flip_p(thousand, 1)),
        "clustered t, 60 clusters: coverage, not below": share,
        "clustered t, 60 clusters: coverage, not above": share,
    }, {"clustered t, 60 clusters: coverage, not below": {"simulations": len(covered)}}


def _covers(generator: np.random.Generator, groups: int) -> bool:
    """Whether the interval of one simulated test set (groups of 1 to 6 items, intraclass correlation .5) holds the true
    mean 0.
    """
    sizes = generator.integers(1, 7, groups)
    names = np.repeat(np.arange(groups), sizes)
    values = generator.normal(size=groups)[names] + generator.normal(size=len(names))
    low, high = t_interval(cluster(values, [str(name) for name in names])) or (1.0, 0.0)
    return bool(low <= 0 <= high)


def _known_answers(texts: list[str], scratch: Path) -> tuple[dict[str, float], dict]:
    first = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    second = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    sleep = cluster(second - first, [str(person) for person in range(10)])
    union = rouge_lsum(
        [["w1", "w2", "w3", "w4", "w5"]], [["w1", "w2", "w6", "w7", "w8"], ["w1", "w3", "w8", "w9", "w5"]]
    )
    rescaled = official_baseline("roberta-large", 17, "en").rescale(
        Match(0.9843302369117737, 0.9823839068412781, 0.9833561182022095)
    )
    eye = Embedding(torch.eye(3), (1, 2, 3), False)
    alone = match_pair(weigh(eye, frozenset(), None), weigh(eye, frozenset(), None))
    checks = {
        "sleep data, t": round(sleep.mean / sleep.standard_error, 4) == 4.0621,
        "sleep data, exact sign-flip p": sign_flip_p(sleep, 0) == 4 / 1024,
        "Lin's ROUGE-Lsum": (union.recall, union.precision, round(union.f1, 4)) == (0.8, 0.4, 0.5333),
        "bert-score's rescaling": np.allclose(
            (rescaled.precision, rescaled.recall, rescaled.f1), (0.9070008, 0.8954568, 0.9013834), atol=1e-5
        ),
        "a text against itself": alone == Match(1.0, 1.0, 1.0),
    }
    return {"known answers that are off": sum(not good for good in checks.values())}, {
        "known answers that are off": {name: bool(good) for name, good in checks.items()}
    }


def _whole_runs(texts: list[str], scratch: Path) -> tuple[dict[str, float], dict]:
    """The recipe itself: twice, with another batch size, with two processes, and with every connection refused and
    counted.
    """
    _write_test_set(texts, scratch)
    blocked = scratch / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(
        'import sys\nsys.addaudithook(lambda event, args: print("CONNECTION", event, file=sys.stderr) if event in'
        ' ("socket.connect", "socket.getaddrinfo") else None)\n'
    )
    launch = [
        *accelerate_launch(),
        "--config_file",
        str(ROOT / "accelerate_configs" / "cpu_2proc_ddp.yaml"),
    ]
    plain = [sys.executable]
    runs = {
        "first": (plain, 32, False),
        "again": (plain, 32, False),
        "blocked": (plain, 7, True),
        "two processes": (launch, 32, False),
    }
    documents, attempts = set(), 0
    for number, (launcher, batch, is_blocked) in enumerate(runs.values()):
        document, errors = _run_recipe(scratch, number, launcher, batch, blocked if is_blocked else None)
        documents.add(document)
        attempts += errors.count("CONNECTION") if is_blocked else 0
    return {
        "connection attempts of a whole evaluation": attempts,
        "different results.json of two runs, batch sizes, process counts": len(documents) - 1,
    }, {}


def _write_test_set(texts: list[str], scratch: Path) -> None:
    rows = [{"id": str(index), "prompt": f"How {index}?", "output": text} for index, text in enumerate(texts[:ITEMS])]
    (scratch / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for number, name in enumerate(("baseline", "tuned"), start=1):
        answers = [
            {"id": row["id"], "output": texts[index + number * ITEMS], "finish_reason": "stop"}
            for index, row in enumerate(rows)
        ]
        (scratch / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers), encoding="utf-8")


def _run_recipe(scratch: Path, number: int, launcher: list[str], batch: int, blocked: Path | None) -> tuple[str, str]:
    run_dir = scratch / f"run{number}"
    run_dir.mkdir()
    settings = {
        "data": str(scratch / "test.jsonl"),
        "predictions": {name: str(scratch / f"{name}.jsonl") for name in ("baseline", "tuned")},
        "bertscore_model": MINILM,
        "bertscore_batch_size": batch,
        "bertscore_cache": False,
        "sensitivity_items": 4,
    }
    (run_dir / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    path = ":".join([*([str(blocked)] if blocked else []), str(ROOT)])
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "ACCELERATE_USE_CPU": "true",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "0" if blocked else "1",
    }
    command = [*launcher, str(ROOT / "recipes" / "evaluate" / "run.py"), "--run-dir", str(run_dir)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"the recipe failed: {ended.stderr[-1500:]}")
    results = read_results(run_dir / "report" / RESULTS_FILE)
    results.environment.time = Time(started=0, seconds=0)  # all that may differ
    return json.dumps(results.to_json()), ended.stderr


def _interleaved(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Their CPU seconds over ours, and both medians, the two sides taking turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for function, found in zip((ours, theirs), times, strict=True):
            started = time.process_time()
            function()
            found.append(time.process_time() - started)
    mine, other = map(statistics.median, times)
    return round(other / mine, 2), mine, other


def _median_s(function: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return round(statistics.median(times), 3)


def _quiet(done: int, total: int) -> None:
    """No progress in a benchmark."""


if __name__ == "__main__":
    sys.exit(main())
