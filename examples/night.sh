#!/usr/bin/env bash
# A night of runs: three ranks with two seeds each wait for the machine; in the morning one table says whether the best
# is more than luck. `bash examples/night.sh`, from the checkout's folder.
set -euo pipefail

steptune notice --bell on
steptune run sft -c examples/configs/sft.yaml --sweep lora_r=8,16,32 --seeds 2
steptune queue
echo "In the morning: steptune sweep latest"
