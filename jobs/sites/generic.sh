# The header of a centre: what to load before hpc-nu is set up or run there. Copy this file, or the one beside it that
# is closest, to jobs/sites/<name>.sh and name it once: HPC_NU_SITE=<name> tools/setup.sh. The other tools and the jobs
# then load it too.
#
#     module purge
#     module load gcc openmpi hdf5/<a parallel one> python
#     export HDF5_DIR=...        the parallel HDF5, if its module does not set it; read by tools/setup.sh only
#     export MPICC=mpicc         compile mpi4py for this MPI instead of taking the wheel; read by tools/setup.sh only
#
# Open MPI with PMIx. Tried: Open MPI 4.1.4 and parallel HDF5 in the Slurm 22.05 of the tests, by srun and by mpirun.

# How a batch job starts the ranks. srun needs a Slurm that speaks the MPI's language (pmix for Open MPI); where it does
# not, every rank would believe to be alone, so the safe choice is then mpirun, which finds the allocation by itself.
if [ -n "${SLURM_JOB_ID:-}" ] && [ -z "${LAUNCH:-}" ]; then
    if srun --mpi=list 2>&1 | grep -qw pmix; then LAUNCH="srun --mpi=pmix"; else LAUNCH="mpirun"; fi
fi
