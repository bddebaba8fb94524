# A cluster without useful modules: MPI, parallel HDF5 and Python from Spack, ranks started by mpirun. Once, before:
#
#     spack install openmpi schedulers=slurm && spack install hdf5+mpi ^openmpi && spack install python@3.11
#
# Tried: mpirun in the Slurm 22.05 of the tests. Not tried: Spack.
. "${SPACK_ROOT:-$HOME/spack}/share/spack/setup-env.sh"
spack load openmpi hdf5+mpi python

export MPICC=mpicc
export HDF5_DIR="${HDF5_DIR:-$(spack location -i hdf5+mpi)}"

LAUNCH="${LAUNCH:-mpirun}"
