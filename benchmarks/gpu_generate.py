"""generate on an NVIDIA GPU: against `vllm bench throughput`'s own loop, merged against unmerged, both merge modes.

    python benchmarks/gpu_generate.py [MODEL [ADAPTER]]

MODEL is a folder (default: the embedded 270M model, whose numbers say little of a 7B model), ADAPTER a LoRA adapter for
it (default: a random one, r 16). Without a CUDA card it says so and exits 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.report import finish, skip

PROMPTS, INPUT_TOKENS, OUTPUT_TOKENS = 512, 128, 128


def main() -> int:
    import torch

    if not torch.cuda.is_available():
        return skip("gpu_generate", "there is no CUDA card here")
    from toolkit.models import resolve_model

    base = Path(resolve_model(sys.argv[1] if len(sys.argv) > 1 else "embedded:gemma-3-270m"))
    with tempfile.TemporaryDirectory(prefix="steptune-bench-") as scratch:
        folder = Path(scratch)
        adapter = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "adapter"
        if len(sys.argv) < 3:
            _run([sys.executable, str(Path(__file__).with_name("merge.py")), "make-adapter", str(base), str(adapter)])
        merges = {mode: _merge(base, adapter, folder / mode, mode) for mode in ("base16", "dequantised")}
        raw = _vllm_bench(folder / "base16", folder / "raw.json")
        merged = _ours(base, adapter, folder / "merged", unmerged=False)
        unmerged = _ours(base, adapter, folder / "unmerged", unmerged=True)
    values = {
        "output tokens/s against vllm bench throughput": round(merged / raw, 3),
        "merged against unmerged, output tokens/s (times)": round(merged / unmerged, 2),
    }
    speeds = {"vllm bench throughput": raw, "merged": merged, "unmerged": unmerged}
    return finish(
        "gpu_generate",
        values,
        {"output tokens/s against vllm bench throughput": {"tokens_per_second": speeds, "merge_s": merges}},
    )


def _merge(base: Path, adapter: Path, out: Path, mode: str) -> float:
    started = time.monotonic()
    _run(
        [
            sys.executable,
            "-m",
            "toolkit.generation.merge_command",
            str(adapter),
            "--base",
            str(base),
            "--out",
            str(out),
            "--mode",
            mode,
        ]
    )
    return round(time.monotonic() - started, 1)


def _vllm_bench(model: Path, report: Path) -> float:
    """vLLM's own offline benchmark on random prompts of the same length."""
    command = [
        sys.executable,
        "-m",
        "vllm.entrypoints.cli.main",
        "bench",
        "throughput",
        "--model",
        str(model),
        "--dataset-name",
        "random",
    ]
    command += [
        "--random-input-len",
        str(INPUT_TOKENS),
        "--random-output-len",
        str(OUTPUT_TOKENS),
        "--num-prompts",
        str(PROMPTS),
    ]
    _run([*command, "--max-num-seqs", "256", "--output-json", str(report)])
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return float(found["requests_per_second"]) * OUTPUT_TOKENS


def _ours(base: Path, adapter: Path, run_dir: Path, unmerged: bool) -> float:
    """Output tokens/s of a run of the recipe; answers that end early count with what they have."""
    import yaml

    run_dir.mkdir()
    data = run_dir / "prompts.jsonl"
    words = " ".join(["step"] * (INPUT_TOKENS - 20))
    data.write_text(
        "".join(json.dumps({"id": str(number), "prompt": f"{number} {words}"}) + "\n" for number in range(PROMPTS)),
        encoding="utf-8",
    )
    settings = {
        "model": str(base),
        "adapter": str(adapter),
        "merge_mode": "base16",
        "data": str(data),
        "max_new_tokens": OUTPUT_TOKENS,
        "proof_rows": 0,
        "generator": {"max_num_seqs": 256, "unmerged": unmerged},
    }
    (run_dir / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    _run(
        [sys.executable, str(Path(__file__).parents[1] / "recipes" / "generate" / "run.py"), "--run-dir", str(run_dir)]
    )
    report = json.loads((run_dir / "generation.json").read_text(encoding="utf-8"))
    return float(report["this_process"]["tokens_per_second"])


def _run(command: list[str]) -> None:
    subprocess.run(command, stdout=sys.stderr, check=True)


if __name__ == "__main__":
    sys.exit(main())
