#!/bin/bash
# One training on two machines with eight cards each: `sbatch examples/slurm/several_machines.sh`. The runs folder, the
# data set and the Python environment lie on a file system that all of them see.
#SBATCH --job-name=steptune
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --signal=TERM@120

export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
srun --kill-on-bad-exit=1 steptune run sft --preset multi_node --on multi_node_zero3 \
    --run-dir "/shared/runs/$SLURM_JOB_NAME-$SLURM_JOB_ID" data=/shared/dataset
