# Intel MPI, or MPICH and its kin (with their module in place of Intel's): ranks are started with PMI-2.
# Tried: Intel MPI 2021.18 and MPICH 5.0.2 as wheels, with serial HDF5, in the Slurm 22.05 of the tests, by srun and by
# mpiexec.hydra. Not tried: the modules, a parallel HDF5, a real network.
module load gcc intel-oneapi-mpi hdf5 python # an hdf5 that was built for Intel MPI

export MPICC=mpicc # with gcc behind it
export HDF5_DIR="${HDF5_DIR:-${HDF5_ROOT:-}}"

# Some Intel MPIs want the library by name: export I_MPI_PMI_LIBRARY=/usr/lib64/libpmi2.so (where the centre keeps it).
# Without PMI-2 in Slurm, LAUNCH=mpiexec.hydra: not mpirun, a shell script that dies of the signal it should hand on.
LAUNCH="${LAUNCH:-srun --mpi=pmi2}"
