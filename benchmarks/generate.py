"""generate against raw vLLM and transformers on the same token ids; start-up; kills; what is left when a run is over.

    make bench-generate          (or: python benchmarks/generate.py throughput|startup|kills|leftovers for a part)

The embedded 270M model with a random adapter merged into it, 64 questions of the bundled sample, greedy, each answer as
long as a third of its reference in tokens: natural lengths, the same on all sides. The sides are processes that stay up
and take turns.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.report import finish

DIFFERENT = "greedy answers that differ from transformers' where the two top logits are apart by more than bf16 noise"
PROMPTS = 64
ROUNDS = 3
PEER_BATCH = 16  # transformers: 16 and 64 were tried, 16 was faster on two cores
KILLS = 20
GONE_AFTER_S = 30.0
ENGINE: dict[str, Any] = {"quantization": "none", "enforce_eager": True, "cpu_kv_cache_gib": 1.0, "max_num_seqs": 64}
STEPTUNE = str(Path(sys.executable).with_name("steptune"))


def main() -> int:
    wanted = sys.argv[1:] or ["throughput", "startup", "kills", "leftovers"]
    values: dict[str, float] = {}
    beside: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        for part in wanted:
            more, details = PARTS[part](Path(scratch))
            values, beside = values | more, beside | details
            print(json.dumps({"part": part, "values": more, "beside": details}), file=sys.stderr, flush=True)
    return finish("generate", values, beside)


def throughput(scratch: Path) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Ours, raw `LLM.generate` and transformers' batches, in turn on the same requests."""
    model = _merged_model(scratch)
    requests = scratch / "requests.json"
    requests.write_text(json.dumps(_requests(model)), encoding="utf-8")
    speeds: dict[str, list[float]] = {}
    answers: dict[str, list[list[int]]] = {}
    with (
        _side("ours", model, requests) as ours,
        _side("raw", model, requests) as raw,
        _side("peer", model, requests) as peer,
    ):
        for number in range(ROUNDS):
            sides = [("ours", ours), ("raw", raw), ("peer", peer)]
            for name, side in sides[
                : 2 if number else 3
            ]:  # the peer once: its bar is far off, and a round of it takes three of ours
                done = _ask(side, "go")
                speeds.setdefault(name, []).append(done["tokens"] / done["seconds"])
                answers[name] = done["ids"]
                print(
                    json.dumps({"side": name, "tokens": done["tokens"], "seconds": round(done["seconds"], 2)}),
                    file=sys.stderr,
                    flush=True,
                )
        gaps = _ask(peer, json.dumps(answers["ours"]))["gaps"]
    speed = {name: statistics.median(found) for name, found in speeds.items()}
    same = {name: sum(map(_agrees, answers["ours"], answers[name])) / PROMPTS for name in ("raw", "peer")}
    beside = {"tokens_per_second": {name: [round(value, 1) for value in found] for name, found in speeds.items()}}
    return (
        {
            "output tokens/s against raw LLM.generate on the same ids": round(speed["ours"] / speed["raw"], 3),
            "output tokens/s against transformers' batched generate": round(speed["ours"] / speed["peer"], 2),
            DIFFERENT: sum(gap > 1 for gap in gaps),
        },
        {
            "output tokens/s against raw LLM.generate on the same ids": beside,
            DIFFERENT: {
                "identical to raw vLLM": round(same["raw"], 4),
                "identical to transformers": round(same["peer"], 4),
                "gaps at first differences, in bf16 steps": [round(gap, 4) for gap in gaps],
            },
        },
    )


def _agrees(left: list[int], right: list[int]) -> bool:
    """The peer's rows run to the end of their batch."""
    return left == right[: len(left)]


def _merged_model(scratch: Path) -> Path:
    from toolkit.generation.adapter import read_adapter
    from toolkit.generation.merge import merge_adapter
    from toolkit.models import resolve_model

    base = Path(resolve_model("embedded:gemma-3-270m"))
    command = [
        sys.executable,
        str(Path(__file__).with_name("merge.py")),
        "make-adapter",
        str(base),
        str(scratch / "adapter"),
    ]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return merge_adapter(read_adapter(scratch / "adapter"), base, scratch / "merged", "base16", durable=False).folder


def _requests(model: Path) -> list[dict[str, Any]]:
    """Prompt ids and answer length (a third of the reference's tokens) of the first questions of each sample file in
    turn.
    """
    from transformers import AutoTokenizer

    from toolkit.bundled import recipes_dir
    from toolkit.prompting import HOWTO, render_prompt
    from toolkit.records import read_examples

    tokenizer = AutoTokenizer.from_pretrained(model)
    files = [read_examples(path) for path in sorted((recipes_dir() / "sample" / "howto").glob("*.jsonl"))]
    examples = [example for row in zip(*files, strict=False) for example in row][:PROMPTS]
    rows = [
        {
            "ids": render_prompt(example.prompt, HOWTO, tokenizer),
            "max_tokens": max(4, len(tokenizer.encode(example.output)) // 3),
        }
        for example in examples
    ]
    return sorted(rows, key=lambda row: len(row["ids"]), reverse=True)


@contextmanager
def _side(name: str, model: Path, requests: Path) -> Iterator[subprocess.Popen[str]]:
    """A side that is up and has generated once."""
    command = [sys.executable, __file__, f"side-{name}", str(model), str(requests)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit(f"bench-generate: the side {name} did not come up")
        yield process
    finally:
        process.kill()
        process.wait()


def _ask(side: subprocess.Popen[str], line: str) -> dict[str, Any]:
    assert side.stdin is not None
    assert side.stdout is not None
    side.stdin.write(line + "\n")
    side.stdin.flush()
    answer: dict[str, Any] = json.loads(side.stdout.readline())
    return answer


def run_side(name: str, model: Path, requests: list[dict[str, Any]]) -> int:
    """Read lines: `go` generates everything, a JSON list of answers asks for the gaps at the first differences."""
    from toolkit.generation.environment import set_engine_environment

    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    set_engine_environment()
    generate = {"side-ours": _ours, "side-raw": _raw, "side-peer": _peer}[name](model, requests)
    generate([{**row, "max_tokens": 2} for row in requests[:2]])
    print(json.dumps({"ready": True}), file=replies, flush=True)
    last: list[list[int]] = []
    for line in sys.stdin:
        if line.strip() == "go":
            started = time.monotonic()
            last = generate(requests)
            seconds = time.monotonic() - started
            tokens = sum(min(len(ids), row["max_tokens"]) for ids, row in zip(last, requests, strict=True))
            print(json.dumps({"seconds": seconds, "tokens": tokens, "ids": last}), file=replies, flush=True)
        else:
            print(json.dumps({"gaps": _gaps(model, requests, json.loads(line), last)}), file=replies, flush=True)
    return 0


def _ours(model: Path, requests: list[dict[str, Any]]) -> Any:
    """The recipe's own path: engine, journal, decoding, progress."""
    from toolkit.generation.answers import Job, _collect
    from toolkit.generation.engine import EngineModel
    from toolkit.generation.environment import choose_dtype
    from toolkit.generation.journal import Journal
    from toolkit.generation.local_engine import local_engine
    from toolkit.generation.prompts import Request
    from toolkit.generation.system import base_system, load_codec
    from toolkit.options.generation import EngineOptions, SamplingOptions
    from toolkit.options.shared import ModelOptions
    from toolkit.runs.recorder import Recorder

    system = base_system(ModelOptions(model=str(model)))
    codec = load_codec(system, "auto")
    options = EngineOptions(**ENGINE, dtype=choose_dtype("auto"))
    made = [
        Request(str(number), "", row["ids"], row["max_tokens"], 0, str(number)) for number, row in enumerate(requests)
    ]
    kept_open = ExitStack()
    engine = kept_open.enter_context(
        local_engine(EngineModel(model, trust_remote_code=False), made, SamplingOptions(max_new_tokens=64), options)
    )

    def run(rows: list[dict[str, Any]]) -> list[list[int]]:
        wanted = [
            Request(str(number), "", row["ids"], row["max_tokens"], 0, str(number)) for number, row in enumerate(rows)
        ]
        found: dict[str, list[int]] = {}

        def watched(asked: list[Request], tick: Any) -> Any:
            for finished in engine.generate(asked, tick):
                found[finished.request.key] = finished.token_ids
                yield finished

        assert kept_open  # the engine lives as long as this function
        with tempfile.TemporaryDirectory() as folder:
            job = Job(system, codec, wanted, Journal(Path(folder)))
            _collect(
                watched, {request.key: (request, job) for request in wanted}, wanted, 0.0, 1, Recorder(Path(folder))
            )
        return [found[request.key] for request in wanted]

    return run


def _raw(model: Path, requests: list[dict[str, Any]]) -> Any:
    """vLLM as its documentation uses it, with the same precision, cache and batch."""
    from vllm import LLM, SamplingParams

    from toolkit.generation.environment import choose_dtype

    llm = LLM(
        model=str(model),
        dtype=choose_dtype("auto"),
        max_model_len=max(len(row["ids"]) + row["max_tokens"] for row in requests),
        max_num_seqs=ENGINE["max_num_seqs"],
        enforce_eager=True,
        kv_cache_memory_bytes=int(ENGINE["cpu_kv_cache_gib"] * 2**30),
    )

    def run(rows: list[dict[str, Any]]) -> list[list[int]]:
        prompts = [{"prompt_token_ids": row["ids"]} for row in rows]
        params = [SamplingParams(temperature=0.0, max_tokens=row["max_tokens"], ignore_eos=True) for row in rows]
        return [list(output.outputs[0].token_ids) for output in llm.generate(prompts, params, use_tqdm=False)]

    return run


def _peer(model: Path, requests: list[dict[str, Any]]) -> Any:
    """transformers: left-padded batches of neighbours, each to its longest answer."""
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    from toolkit.generation.environment import choose_dtype

    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, choose_dtype("auto"))).eval()

    def batch(rows: list[dict[str, Any]]) -> list[list[int]]:
        longest = max(len(row["ids"]) for row in rows)
        ids = torch.tensor([[0] * (longest - len(row["ids"])) + row["ids"] for row in rows])
        mask = torch.tensor([[0] * (longest - len(row["ids"])) + [1] * len(row["ids"]) for row in rows])
        most = max(row["max_tokens"] for row in rows)
        loaded.generation_config = GenerationConfig(do_sample=False, max_new_tokens=most, pad_token_id=0)
        with torch.inference_mode():
            answers: list[list[int]] = loaded.generate(input_ids=ids, attention_mask=mask)[:, longest:].tolist()
            return answers

    return lambda rows: [
        ids for start in range(0, len(rows), PEER_BATCH) for ids in batch(rows[start : start + PEER_BATCH])
    ]


def _gaps(model: Path, requests: list[dict[str, Any]], ours: list[list[int]], peers: list[list[int]]) -> list[float]:
    """At each first difference: the distance of the two tokens' logits, in steps of bf16 at that size."""
    import torch
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    gaps = []
    for row, left, right in zip(requests, ours, peers, strict=True):
        at = next((place for place, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), None)
        if at is None:
            continue
        with torch.inference_mode():
            logits = loaded(torch.tensor([row["ids"] + left[:at]])).logits[0, -1]
        distance = float((logits[left[at]] - logits[right[at]]).abs())
        gaps.append(distance / (float(logits.max().abs()) * 2**-8))
    return gaps


def startup(scratch: Path) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Seconds from the start of the process to the first token: the recipe, and a script that only uses vLLM."""
    from toolkit.models import resolve_model

    model = resolve_model("embedded:gemma-3-270m")
    data = scratch / "one.jsonl"
    data.write_text(json.dumps({"prompt": "How do I reset my router?"}) + "\n")
    times: dict[str, list[float]] = {"ours": [], "vllm": []}
    for number in range(2):
        run_dir = scratch / f"start-{number}"
        run_dir.mkdir()
        _write_config(run_dir, model, data, 16)
        started = time.time()
        script = Path(__file__).parents[1] / "recipes" / "generate" / "run.py"
        subprocess.run(
            [sys.executable, str(script), "--run-dir", str(run_dir)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        times["ours"].append(_event(run_dir, "first_token")["time"] - started)
        started = time.time()
        done = subprocess.run(
            [sys.executable, __file__, "first-token", model], stdout=subprocess.PIPE, text=True, check=True
        )
        times["vllm"].append(json.loads(done.stdout.splitlines()[-1])["time"] - started)
    what = "start-up to first token beyond vLLM's own (s)"
    return {what: round(min(times["ours"]) - min(times["vllm"]), 2)}, {
        what: {name: [round(value, 1) for value in found] for name, found in times.items()}
    }


def first_token(model: str) -> int:
    """vLLM alone: import, load, one token."""
    from toolkit.generation.environment import choose_dtype, set_engine_environment

    set_engine_environment()
    from vllm import LLM, SamplingParams

    llm = LLM(
        model=model, dtype=choose_dtype("auto"), max_model_len=64, enforce_eager=True, kv_cache_memory_bytes=2**30
    )
    llm.generate([{"prompt_token_ids": [2, 10, 11]}], SamplingParams(temperature=0.0, max_tokens=1), use_tqdm=False)
    print(json.dumps({"time": time.time()}))
    return 0


def kills(scratch: Path) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Twenty kills of a vLLM run on a tiny random model, so that most of them fall between answers."""
    model, data = _tiny(scratch)
    command = [
        sys.executable,
        str(Path(__file__).with_name("kill_moments.py")),
        "--model",
        str(model),
        "--data",
        str(data),
    ]
    done = subprocess.run(
        [*command, "--backend", "vllm", "--kills", str(KILLS)], stdout=subprocess.PIPE, text=True, check=True
    )
    report = json.loads(done.stdout.splitlines()[-1])
    return (
        {
            "kill -9 at random moments, then resume: kills": report["kills"],
            "kill -9 at random moments, then resume: rows repeated": report["rows_repeated"],
            "kill -9 at random moments, then resume: runs with other bytes": report["runs_with_other_bytes"],
        },
        {"kill -9 at random moments, then resume: kills": report},
    )


def leftovers(scratch: Path) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Processes that carry the run's id, and shared memory, after each way in which a run can end."""
    from toolkit.run_folder.folder import RunFolder

    model, data = _tiny(scratch)
    shared_memory = set(os.listdir("/dev/shm"))
    left: dict[str, int] = {}
    for how in ("finish", "failure", "stop", "kill -9 of the supervisor", "kill -9 of the recipe"):
        run_dir = scratch / "left" / how.replace(" ", "-")
        options = [
            f"model={model}",
            f"data={data}",
            "max_new_tokens=60",
            "generator.enforce_eager=true",
            "generator.cpu_kv_cache_gib=0.25",
        ]
        options += ["generator.max_num_seqs=1", "proof_rows=0"]
        command = [STEPTUNE, "run", "generate", "--on", "cpu", "--run-dir", str(run_dir), "--detach", *options]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        run = RunFolder(run_dir)
        while _event(run_dir, "first_token") is None and run.result is None:
            time.sleep(0.05)
        _end(run, how)
        left[how] = _left(run.id)
    what = "processes and shared memory left 30 s after finish, failure, stop, kill -9"
    shared = set(os.listdir("/dev/shm")) - shared_memory
    return {what: sum(left.values()) + len(shared)}, {what: {"processes": left, "shared memory": sorted(shared)}}


def _end(run: Any, how: str) -> None:
    child, supervisor = run.processes.child.pid, run.processes.supervisor.pid
    if how == "finish":
        while run.result is None:
            time.sleep(0.1)
    elif how == "stop":
        subprocess.run([STEPTUNE, "stop", str(run.path)], stdout=subprocess.DEVNULL, check=True)
    else:
        pid, signal_number = {"failure": (child, signal.SIGABRT), "kill -9 of the recipe": (child, signal.SIGKILL)}.get(
            how, (supervisor, signal.SIGKILL)
        )
        os.kill(pid, signal_number)


def _left(run_id: str) -> int:
    from toolkit.machine.processes import tagged_with

    deadline = time.monotonic() + GONE_AFTER_S
    while (found := tagged_with(run_id)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return len(found)


def _event(run_dir: Path, name: str) -> Any:
    from toolkit.records import read_growing_jsonl

    return next((event for event in read_growing_jsonl(run_dir / "events.jsonl") if event["event"] == name), None)


def _write_config(run_dir: Path, model: str, data: Path, max_new_tokens: int) -> None:
    import yaml

    generator = {"enforce_eager": True, "cpu_kv_cache_gib": 1.0}
    (run_dir / "config.yaml").write_text(
        yaml.safe_dump({"model": model, "data": str(data), "max_new_tokens": max_new_tokens, "generator": generator})
    )


def _tiny(scratch: Path) -> tuple[Path, Path]:
    """The tests' random model and 40 prompts."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "generation"))
    from conftest import make_base

    model, data = scratch / "tiny", scratch / "tiny.jsonl"
    if not model.exists():
        make_base(model)
        data.write_text(
            "".join(
                json.dumps({"id": str(number), "prompt": f"Question {number * 7919 % 1000}"}) + "\n"
                for number in range(40)
            )
        )
    return model, data


PARTS = {"throughput": throughput, "startup": startup, "kills": kills, "leftovers": leftovers}


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].startswith("side-"):
        sys.exit(run_side(sys.argv[1], Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))))
    sys.exit(first_token(sys.argv[2]) if sys.argv[1:2] == ["first-token"] else main())
