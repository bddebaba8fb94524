# The header of a centre: what to load before hpc-nu is set up or run there. Copy this file to jobs/sites/<name>.sh and
# name it once: HPC_NU_SITE=<name> tools/setup.sh. The other tools and jobs/campaign.sh then load it too.
#
#     module purge
#     module load gcc openmpi hdf5/<a parallel one> python
#     export HDF5_DIR=...        the parallel HDF5, if its module does not set it; read by tools/setup.sh only
#     export MPICC=mpicc         compile mpi4py for this MPI instead of taking the wheel; read by tools/setup.sh only

# How a batch job starts the ranks. srun needs a Slurm that speaks the MPI's language (pmix for Open MPI); where it does
# not, every rank would believe to be alone, so the safe choice is then mpirun, which finds the allocation by itself.
if [ -n "${SLURM_JOB_ID:-}" ] && [ -z "${LAUNCH:-}" ]; then
    if srun --mpi=list 2>&1 | grep -qw pmix; then LAUNCH="srun --mpi=pmix"; else LAUNCH="mpirun"; fi
fi
