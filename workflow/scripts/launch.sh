#!/usr/bin/env bash
# Start a training on NODES machines with GPUS processes each; with 0 or 1 GPU on one machine it is plain Python.
#   launch.sh NODES GPUS THREADS PROGRAM [ARGUMENT ...]
#
# In a Slurm job the training is a step of its own, inside the one that Snakemake runs in: Slurm sends the warning
# before the end of a job to the process that a step starts, and not to what Snakemake starts further down.
set -euo pipefail

if [[ $1 != on-node ]]; then
    nodes=$1 gpus=$2 threads=$3
    if [[ -n ${SLURM_JOB_ID:-} ]] && command -v srun >/dev/null; then
        # THREADS CPUs are for one machine. Once a machine's part has ended, the others get five minutes to end theirs.
        exec srun --overlap --mpi=none --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 \
            --cpus-per-task="$threads" ${gpus:+$([[ $gpus = 0 ]] || echo "--gpus-per-node=$gpus")} \
            --kill-on-bad-exit=0 --wait=300 bash "$0" on-node "$@"
    fi
    if ((nodes > 1)); then
        echo "error: alignment.nodes: $nodes; a training on several machines needs Slurm: snakemake --profile slurm" >&2
        exit 2
    fi
    set -- on-node "$@"
fi

nodes=$2 gpus=$3
shift 4
# A process that is asked to stop saves its state first. That may take it as long as Slurm's warning comes early.
# Behind `--` is what torchrun leaves alone: it would take a program's argument for one of its own, shortened.
torchrun=(torchrun --nproc-per-node $((gpus > 1 ? gpus : 1)) --shutdown-timeout 110)
if ((nodes > 1)); then
    # The batch script, and so this step's srun, runs on the first machine of the job, whose number is 0.
    exec "${torchrun[@]}" --nnodes "$nodes" --node-rank "$SLURM_NODEID" --master-addr "$SLURM_LAUNCH_NODE_IPADDR" \
        --master-port $((20000 + SLURM_JOB_ID % 10000)) -- "$@"
elif ((gpus > 1)); then
    exec "${torchrun[@]}" --standalone -- "$@"
fi
exec python "$@"
