#!/usr/bin/env bash
#SBATCH --job-name=hpc-nu
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%A_%a.out
#
# Many campaigns as a job array: each task is a job of its own, which requeues itself until its campaign is complete.
# From the repository's root, for the first 20 campaigns of a list, four at a time:
#
#     sbatch --array=1-20%4 --account=... --nodes=1 --ntasks-per-node=64 --export=ALL,LIST=campaigns.txt jobs/array.sh
#
#   LIST    a line for each campaign: input and results file; empty lines and what follows a # do not count
#
# All else is as in jobs/campaign.sh.
set -euo pipefail

: "${LIST:?name the list: sbatch --array=1-20 --export=ALL,LIST=campaigns.txt jobs/array.sh}"
if [ -z "${SLURM_ARRAY_TASK_ID:-}" ]; then
    echo "campaign: this is a task of a Slurm array, to be submitted with sbatch --array=1-20 ... jobs/array.sh" >&2
    exit 2
fi
cd "${HPC_NU_ROOT:-$SLURM_SUBMIT_DIR}"
# The list may come from another system: with carriage returns, a byte order mark, tabs.
line="$(sed -E -e '1s/^\xef\xbb\xbf//' -e 's/(^|[[:space:]])#.*//' -e '/^[[:space:]]*$/d' "$LIST" |
    tr -d '\r' | sed -n "${SLURM_ARRAY_TASK_ID}p")"
read -r INPUT OUTPUT more <<<"$line"
if [ -z "$INPUT" ] || [ -z "$OUTPUT" ] || [ -n "$more" ]; then
    echo "$LIST: campaign number $SLURM_ARRAY_TASK_ID is \"$line\": expected its input and its results file, two names" \
        "without blanks" >&2
    exit 2
fi
source jobs/campaign.sh
