"""What all tests share."""

import signal

import pytest
from hypothesis import settings

_approx = pytest.approx


def _relative(expected, rel=None, abs=None, nan_ok=False):
    """`pytest.approx` without its absolute tolerance of 1e-12, with which any width, mixing or coupling would pass."""
    if abs is None:
        rel, abs = 1e-6 if rel is None else rel, 0.0
    return _approx(expected, rel=rel, abs=abs, nan_ok=nan_ok)


pytest.approx = _relative

settings.register_profile("untimed", deadline=None)  # the first example may compile, and machines are shared
settings.load_profile("untimed")

try:
    import mpi4py
except ImportError:
    pass
else:
    # The pytest process is no rank: a communicator would be an accident, and MPI leaves traces in the environment of
    # the programs that a test starts. (Importing a parallel h5py would start MPI, too.)
    mpi4py.rc.initialize = False


_LONG_FIRST = ("tests/faults/", "tests/parallel/", "tests/tools/")


def pytest_collection_modifyitems(items):
    """Files that take minutes come first: one that comes last would keep one process busy, and no other."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG_FIRST))


@pytest.fixture
def alone(monkeypatch):
    """`cli.main` in this process, as without MPI; signal handlers and the launcher's variables as they were before."""
    from hpc_nu.campaign import communicator

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    monkeypatch.setattr(communicator, "world", communicator.SingleProcess)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def closed_pictures():
    """No picture of a test stays open."""
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture
def toys(monkeypatch):
    """The toy models, known to this process."""
    import toy_models

    for name, place in toy_models.PLACES.items():
        monkeypatch.setitem(toy_models.MODELS, name, place)
