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
#   INPUT, OUTPUT      the campaign and its results file, which decides what is left: the same line again continues
#   HPC_NU_SITE        header in jobs/sites/ (the one that tools/setup.sh was given)
#   HPC_NU_ROOT        the repository, if the job is not submitted from there
#   HPC_NU_REQUEUES    how often the job may requeue itself (100)
#   HPC_NU_RESTARTS    how often the ranks are started again in the same allocation after one of them has died (10)
#   HPC_NU_PROGRAM     what to run in place of hpc-nu
#   LAUNCH             how to start the ranks; else the header's choice
#
# jobs/README.md says more. Exit codes of hpc-nu: 0 complete, 75 checkpointed, 1 failure, 2 bad input, 3 broken
# environment. The job ends with one of them, or with what the launcher makes of a rank's death.
set -euo pipefail

: "${INPUT:?name the campaign: sbatch --export=ALL,INPUT=inputs/x.yaml,OUTPUT=x.h5 jobs/campaign.sh}"
: "${OUTPUT:?name the results file: sbatch --export=ALL,INPUT=inputs/x.yaml,OUTPUT=x.h5 jobs/campaign.sh}"
say() { echo "campaign: $(date '+%F %T') $*"; }
if [ -z "${SLURM_JOB_ID:-}" ]; then
    say "this is a Slurm job, to be submitted with sbatch; by hand: mpirun -n 4 hpc-nu run $INPUT -o $OUTPUT" >&2
    exit 2
fi

# Slurm runs a copy of this script from its spool, so its own place says nothing about the repository.
cd "${HPC_NU_ROOT:-$SLURM_SUBMIT_DIR}"
if [ ! -r tools/environment.sh ]; then
    say "$PWD is not the repository: submit from its root or set HPC_NU_ROOT" >&2
    exit 3
fi
source tools/environment.sh # loads the header, too

# What Slurm knows of this job, in a format of squeue. Asked for by number, the last task of an array is the whole
# array. What the user's environment says of filters and of how times look is not meant for us. A busy Slurm may need to
# be asked more than once.
ask() {
    local try
    for try in 1 2 3; do
        (
            unset "${!SQUEUE_@}"
            SLURM_TIME_FORMAT=standard squeue --noheader --jobs="$SLURM_JOB_ID" --format="%A $1"
        ) 2>/dev/null | sed -n "s/^$SLURM_JOB_ID //p" && return
        sleep 3
    done
}

# Should no signal come, hpc-nu stops by this clock. Slurm before 23.02 does not set it, and a job may have been given
# more time since it was submitted, or have inherited the variable of the job that submitted it.
until="$(ask %e)"
if [ -n "$until" ] && end="$(date --date="$until" +%s 2>/dev/null)"; then
    export SLURM_JOB_END_TIME="$end"
fi

# A rank that dies must end the step, or the others wait for it until the time is over: srun ends it 20 s after a first
# rank has ended, in whatever way. Not by KILL_BAD_EXIT, which some centres have as their default: of ranks that all
# leave with 75 it kills the slower ones, and the step ends with 143. mpirun ends its ranks by itself.
export SLURM_KILL_BAD_EXIT=0 SLURM_WAIT="${SLURM_WAIT:-20}"

step="" must_stop=no
pass_on() {
    signalled=yes must_stop=yes
    say "SIG$1: asking the ranks to checkpoint"
    # USR1 for both: the launchers hand it on to the ranks, while on TERM they would end the ranks themselves.
    [ -z "$step" ] || kill -USR1 "$step" 2>/dev/null || true
}
trap 'pass_on USR1' USR1
trap 'pass_on TERM' TERM

run_ranks() {
    ${LAUNCH:-srun} "${HPC_NU_PROGRAM:-hpc-nu}" run "$INPUT" -o "$OUTPUT" &
    step=$!
    # A trapped signal ends `wait` early with a code that is the signal's and not the step's: then wait once more.
    signalled=yes
    while [ "$signalled" = yes ]; do
        signalled=no code=0
        wait "$step" || code=$?
    done
    step=""
}

requeued="${SLURM_RESTART_COUNT:-0}"
say "$INPUT -> $OUTPUT with ${SLURM_NTASKS:-?} ranks on ${SLURM_JOB_NUM_NODES:-?} nodes," \
    "start number $((requeued + 1)), until ${until:-an unknown time}"
deaths=0
while true; do
    run_ranks
    case "$code" in
    0)
        say "complete"
        exit 0
        ;;
    75)
        say "checkpointed"
        break
        ;;
    2 | 3 | 126 | 127)
        say "hpc-nu ended with $code; the job is not requeued"
        exit "$code"
        ;;
    esac
    # Again here and now, rather than after another wait in the queue: what is wrong with the task that was in hand is
    # for hpc-nu to find out, which remembers it. A node that is lost ends the job, and Slurm requeues it by itself.
    deaths=$((deaths + 1))
    say "a rank has died or failed (code $code; the lines above say how); what was recorded is safe"
    sleep 5 # what is left of the other ranks goes, and a signal to the job comes
    if [ "$must_stop" = yes ] || [ $(($(date +%s) + 120)) -gt "${SLURM_JOB_END_TIME:-9999999999}" ]; then
        break # too late
    elif [ "$deaths" -gt "${HPC_NU_RESTARTS:-10}" ]; then
        say "not started again after death number $deaths (HPC_NU_RESTARTS); the same sbatch line continues"
        exit "$code"
    fi
    say "starting the ranks again"
done

# Without this question scancel would bring the job back.
state="$(ask %T)"
if [ "$state" != RUNNING ]; then
    say "the job is ${state:-gone}, so it does not requeue itself; the same sbatch line continues"
elif [ "$requeued" -ge "${HPC_NU_REQUEUES:-100}" ]; then
    say "not requeued, since it has been $requeued times (HPC_NU_REQUEUES); the same sbatch line continues"
else
    say "requeueing"
    scontrol requeue "$(ask %i)" && exit 0
    say "Slurm refuses to requeue the job; the same sbatch line continues"
fi
exit "$code"
