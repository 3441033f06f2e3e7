#!/bin/sh
# A run as a SLURM array: K independent jobs, each with a part of the indices.
#
#     sbatch --array=1-100 scripts/slurm_array.sh 100 SPEC.toml OUT.h5 -n 1000000 --seed 1
#     jumpsim status OUT.h5       # at any time, over all shards
#     jumpsim compact OUT.h5      # when they have ended: one file
#
# 100 is the number of shards, also when only some of them are submitted again (--array=3,17). The
# seed is given here or in the parameter file; all shards must have the same seed. When the time of a
# job ends, the job writes what is finished and puts itself into the queue again.
#
#SBATCH --job-name=jumpsim
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=2G
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append

shards=$1 spec=$2 out=$3
shift 3

srun jumpsim run "$spec" -o "$out" --shard "$SLURM_ARRAY_TASK_ID/$shards" \
    --workers "${SLURM_CPUS_PER_TASK:-1}" --quiet "$@"
status=$?

if [ "$status" -eq 75 ]; then # stopped early: the same command resumes the run
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
