# Cray EX/XC: the programming environment's own MPI and parallel HDF5. Module names differ a little between centres.
# Not tried on a Cray.
module load PrgEnv-gnu cray-mpich cray-hdf5-parallel cray-python

export MPICC=cc # the compiler wrapper adds MPI; mpi4py must be compiled with it, its wheel does not find Cray's library
export HDF5_DIR="${HDF5_DIR:-${CRAY_HDF5_PARALLEL_PREFIX:-}}"
# Lustre mounted without flock refuses HDF5's file locks; within one job the collective open needs none.
export HDF5_USE_FILE_LOCKING="${HDF5_USE_FILE_LOCKING:-FALSE}"

LAUNCH="${LAUNCH:-srun}" # the centre's default for --mpi is the right one (cray_shasta)
