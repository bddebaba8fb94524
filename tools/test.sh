#!/usr/bin/env bash
# Sets up what is missing and runs the tests, all of them in three processes side by side; what is given goes to pytest:
#
#     tools/test.sh                  tools/test.sh tests/unit -k units                  tools/test.sh -m "not mpi and not slurm"
#
# HPC_NU_TEST_LIMIT (seconds, 1800) ends tests that hang, with exit code 124.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh
source tools/environment.sh

# At a terminal the tests must stay in its foreground, or Ctrl-C would not reach them.
foreground=()
[ ! -t 0 ] || foreground=(--foreground)
# INT, as from Ctrl-C: on TERM pytest would die without ending what its fixtures have started.
# A file's tests stay together: they share what takes long to make; and files begin in the order in which they are found.
[ $# -gt 0 ] || set -- --numprocesses 3 --dist loadfile --no-loadscope-reorder
exec timeout "${foreground[@]}" --signal=INT --kill-after=60 "${HPC_NU_TEST_LIMIT:-1800}" python -m pytest "$@"
