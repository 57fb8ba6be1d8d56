"""Every keyword argument that steptune passes to vLLM, TRL, PEFT, transformers and accelerate exists there.

Read from the installed source: of this environment, and of the one that STEPTUNE_CUDA_ENV names (a virtual environment
with the versions of constraints/cuda.txt), which need not be able to run here.
"""

from __future__ import annotations

import os
import sysconfig
from functools import cache
from pathlib import Path

import pytest

from tests.library_signatures import LIBRARIES, Call, Installed, calls_in

ROOT = Path(__file__).resolve().parents[3]
CUDA = os.environ.get("STEPTUNE_CUDA_ENV")
# These hand what they do not know to another.
HANDED_ON = {
    "AutoModelForCausalLM.from_pretrained": "PreTrainedModel.from_pretrained",
    "AutoModel.from_pretrained": "PreTrainedModel.from_pretrained",
    "AutoTokenizer.from_pretrained": "TokenizersBackend",
}


@cache
def calls() -> list[Call]:
    files = [file for folder in ("toolkit", "recipes") for file in sorted((ROOT / folder).rglob("*.py"))]
    return [call for file in files for call in calls_in(file, ROOT) if call.keywords]


@pytest.fixture(scope="module", params=["this environment", "the CUDA environment"])
def installed(request: pytest.FixtureRequest) -> Installed:
    if request.param == "this environment":
        return Installed(Path(sysconfig.get_path("purelib")))
    if not CUDA:
        pytest.skip("STEPTUNE_CUDA_ENV names no environment with the CUDA packages")
    return Installed(next(Path(CUDA).glob("lib/python3*/site-packages")))


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_keyword_argument_exists(installed: Installed, library: str) -> None:
    if not (installed.site / library).is_dir():
        pytest.skip(f"{library} is not installed in {installed.site}")
    wrong = []
    for call in calls():
        if call.library == library:
            known = installed.parameters(library, call.qualified)
            if known is not None and call.qualified in HANDED_ON:
                known = known | (installed.parameters(library, HANDED_ON[call.qualified]) or set())
            if known is None:
                wrong.append(f"{call.where}: there is no {call.qualified} in {library}")
            elif unknown := sorted(call.keywords - known):
                wrong.append(f"{call.where}: {call.qualified} takes no {', '.join(unknown)}")
    assert wrong == []


def test_the_calls_that_matter_are_seen() -> None:
    seen = {call.qualified: call.keywords for call in calls()}
    assert {"dtype", "trust_remote_code"} <= seen["AutoModelForCausalLM.from_pretrained"]
    assert {"load_format", "kv_cache_memory_bytes", "gpu_memory_utilization", "enable_lora"} <= seen["EngineArgs"]
    assert {"max_steps", "fp16", "eval_on_start"} <= seen["SFTConfig"]
    assert {"use_dora", "target_modules"} <= seen["LoraConfig"]
    assert "detokenize" in seen["SamplingParams"]


def test_a_keyword_that_does_not_exist_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        'from peft import LoraConfig\ngiven = {"rank": 1}\ngiven["alpha"] = 2\nLoraConfig(r=1, **given)\n'
    )
    (call,) = calls_in(module, tmp_path)
    known = Installed(Path(sysconfig.get_path("purelib"))).parameters("peft", "LoraConfig")
    assert known is not None
    assert sorted(call.keywords - known) == ["alpha", "rank"]
