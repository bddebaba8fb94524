# Source this before starting hpc-nu by hand:  source tools/environment.sh
# It loads the centre's header from jobs/sites/ (HPC_NU_SITE; else the one that tools/setup.sh was given, else generic),
# puts the virtual environment's programs first on PATH and sets what mpirun needs. A value that is already set is left
# alone. HPC_NU_VENV names another virtual environment than .venv.

_hpc_nu_root="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)"
: "${HPC_NU_VENV:=$_hpc_nu_root/.venv}"
if [ -z "${HPC_NU_SITE:-}" ] && [ -r "$HPC_NU_VENV/hpc_nu-choices" ]; then
    HPC_NU_SITE="$(. "$HPC_NU_VENV/hpc_nu-choices" && echo "$HPC_NU_SITE")"
fi
_hpc_nu_header="$_hpc_nu_root/jobs/sites/${HPC_NU_SITE:-generic}.sh"
if [ ! -r "$_hpc_nu_header" ]; then
    echo "hpc_nu: HPC_NU_SITE=${HPC_NU_SITE:-}: there is no $_hpc_nu_header" >&2
    return 3
fi
[ -z "${HPC_NU_SITE:-}" ] || export HPC_NU_SITE
# Module commands are rarely clean under -u.
case "$-" in
*u*) set +u; . "$_hpc_nu_header"; set -u ;;
*) . "$_hpc_nu_header" ;;
esac

case "$PATH" in
"$HPC_NU_VENV/bin:"*) ;;
*) export PATH="$HPC_NU_VENV/bin:$PATH" ;;
esac
unset _hpc_nu_root _hpc_nu_header

# One thread per rank: the ranks already fill the cores, and a threaded BLAS in each of them only gets in the way.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"

if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    # Containers, where one is root, often forbid one process to read another's memory: Open MPI 4 then warns or hangs.
    export OMPI_MCA_btl_vader_single_copy_mechanism="${OMPI_MCA_btl_vader_single_copy_mechanism:-none}"
fi

# Outside a batch job nobody hands out the cores: more ranks than cores are allowed (the second name is Open MPI 5's),
# and a rank that waits gives its core away, without which eight ranks on two cores were seven times slower.
if [ -z "${SLURM_JOB_ID:-}${PBS_JOBID:-}${LSB_JOBID:-}" ]; then
    export OMPI_MCA_rmaps_base_oversubscribe="${OMPI_MCA_rmaps_base_oversubscribe:-1}"
    export PRTE_MCA_rmaps_default_mapping_policy="${PRTE_MCA_rmaps_default_mapping_policy:-:oversubscribe}"
    export OMPI_MCA_mpi_yield_when_idle="${OMPI_MCA_mpi_yield_when_idle:-1}"
fi
