"""vLLM's own OpenAI server as a process that ends with its parent.

python -P -m toolkit.generation.serve_vllm ARGUMENTS OF VLLM'S SERVER          (started by toolkit.generation.serving)
"""

from __future__ import annotations

import runpy
import sys

from toolkit.generation.child import die_with_parent

# Not `vllm serve`: that program asks for a distribution named vllm, and the CPU build has another name.
PROGRAM = "vllm.entrypoints.openai.api_server"

if __name__ == "__main__":
    die_with_parent()
    sys.argv[0] = PROGRAM
    runpy.run_module(PROGRAM, run_name="__main__", alter_sys=True)
