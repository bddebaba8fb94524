#!/usr/bin/env bash
#SBATCH --job-name=hpc-nu
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%j.out
#
# One campaign as a Slurm job that requeues itself until the campaign is complete. From the repository's root:
#
#     sbatch --account=... --nodes=4 --ntasks-per-node=64 --export=ALL,INPUT=inputs/x.yaml,OUTPUT=x.h5 jobs/campaign.sh
#
#   INPUT, OUTPUT      the campaign and its results file; the file decides what is left to do, so the same line again continues
#   HPC_NU_SITE        header in jobs/sites/ (the one that tools/setup.sh was given)
#   HPC_NU_ROOT        the repository, if the job is not submitted from there
#   HPC_NU_REQUEUES    how often the job may requeue itself (100)
#   HPC_NU_PROGRAM     what to run in place of hpc-nu
#   LAUNCH             how to start the ranks; else the header's choice
#
# 120 s before its time is over (Slurm may be up to a minute early) this shell gets USR1 and hands it on; hpc-nu then
# commits, writes its checkpoint and leaves with 75. Exit codes of hpc-nu: 0 complete, 75 checkpointed, 1 failure,
# 2 bad input, 3 broken environment.
set -euo pipefail

: "${INPUT:?name the campaign: sbatch --export=ALL,INPUT=inputs/x.yaml,OUTPUT=x.h5 jobs/campaign.sh}"
: "${OUTPUT:?name the results file: sbatch --export=ALL,INPUT=inputs/x.yaml,OUTPUT=x.h5 jobs/campaign.sh}"
say() { echo "campaign: $(date '+%F %T') $*"; }

# Slurm runs a copy of this script from its spool, so its own place says nothing about the repository.
cd "${HPC_NU_ROOT:-$SLURM_SUBMIT_DIR}"
if [ ! -r tools/environment.sh ]; then
    say "$PWD is not the repository: submit from its root or set HPC_NU_ROOT" >&2
    exit 3
fi
source tools/environment.sh # loads the header, too

step=""
pass_on() {
    signalled=yes
    say "SIG$1: asking the ranks to checkpoint"
    # USR1 for both: the launchers hand it on to the ranks, while on TERM they would end the ranks themselves.
    [ -z "$step" ] || kill -USR1 "$step" 2>/dev/null || true
}
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM

say "$INPUT -> $OUTPUT with ${SLURM_NTASKS:-?} ranks on ${SLURM_JOB_NUM_NODES:-?} nodes, start number $((${SLURM_RESTART_COUNT:-0} + 1))"
${LAUNCH:-srun} "${HPC_NU_PROGRAM:-hpc-nu}" run "$INPUT" -o "$OUTPUT" &
step=$!

# A trapped signal ends `wait` early with a code that is the signal's and not the step's: then wait once more.
signalled=yes
while [ "$signalled" = yes ]; do
    signalled=no
    code=0
    wait "$step" || code=$?
done
step=""

case "$code" in
0) say "complete" ;;
75)
    state="$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T 2>/dev/null || true)"
    if [ "$state" != RUNNING ]; then
        # Otherwise scancel would bring the job back.
        say "checkpointed; the job is ${state:-gone}, so it is not requeued. The same sbatch line continues"
        exit 75
    elif [ "${SLURM_RESTART_COUNT:-0}" -ge "${HPC_NU_REQUEUES:-100}" ]; then
        say "checkpointed; not requeued, since it has been ${SLURM_RESTART_COUNT} times (HPC_NU_REQUEUES)"
        exit 75
    fi
    say "checkpointed; requeueing"
    scontrol requeue "$SLURM_JOB_ID"
    ;;
*)
    say "hpc-nu ended with $code; the job is not requeued"
    exit "$code"
    ;;
esac
