"""A communicator for one process, where there is no MPI or none is wanted."""

import os
from contextlib import suppress


class SingleProcess:
    """What this package uses of an mpi4py communicator, for one rank."""

    rank = 0
    size = 1

    def bcast(self, value, root=0):
        return value

    def gather(self, value, root=0):
        return [value]

    def barrier(self):
        pass

    def Abort(self, code):
        os._exit(code)


def use_no_mpi():
    """Let imports of mpi4py, by h5py too, load the library without starting it.

    Reading a file needs no MPI, and on login nodes it may not start.
    """
    with suppress(ImportError):
        import mpi4py

        mpi4py.rc.initialize = False
