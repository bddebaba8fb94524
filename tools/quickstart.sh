#!/usr/bin/env bash
# From a clean clone to a finished campaign and its pictures: sets up what is missing, runs inputs/quickstart.yaml on
# all cores, draws. Running it again continues a campaign that was stopped.
#
#     tools/quickstart.sh            RANKS=8 tools/quickstart.sh
#
# tools/setup.sh says what else may be set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

input=inputs/quickstart.yaml
output=quickstart.h5
cores="$(env -u OMP_NUM_THREADS nproc)" # nproc obeys OMP_NUM_THREADS, which environment.sh sets to 1
ranks="${RANKS:-$cores}"

tools/setup.sh
source tools/environment.sh

echo "quickstart: $input on $ranks ranks, results to $output"
code=0
mpirun -n "$ranks" hpc-nu run "$input" -o "$output" || code=$?
case "$code" in
0) ;;
75)
    echo "quickstart: stopped before the end; everything so far is in $output and its checkpoint. To continue: $0"
    exit 75
    ;;
*)
    echo "quickstart: hpc-nu ended with $code; 'hpc-nu doctor' looks at MPI and HDF5, 'hpc-nu check $input' at the input" >&2
    exit "$code"
    ;;
esac

python tools/plot_evolution.py "$output" -o evolution.png
python tools/plot_convergence.py "$output" -o convergence.png

cat <<END

Results:   $output   (in Python: hpc_nu.analysis.read_results("$output"))
Pictures:  evolution.png  convergence.png

Next, in this terminal:
    source tools/environment.sh           the programs on PATH, the settings for mpirun
    hpc-nu status $output            what is in it
    hpc-nu models                         which systems of equations there are
    hpc-nu check inputs/<name>.yaml       what a campaign would cost
    mpirun -n $ranks hpc-nu run inputs/<name>.yaml -o <name>.h5
On a cluster: jobs/campaign.sh
END
