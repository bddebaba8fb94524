"""Where tables of the self-energy come from: the package, the cache, a user's file; and if nowhere, built.

A table is one HDF5 file with the four blocks of `table_builder` as datasets, the nodes of their axes beside them, its
identity (hash of what it is made from) and a checksum of its data.  Looked for are the table that comes with the
package and then the cache; one of another identity or with damage is passed over.  What is missing is built by all
ranks, under a lock, so that of two campaigns that start together one builds and the other waits, and gets its name
when it is whole.

The cache is the folder in the environment variable HPC_NU_CACHE, else the package's `__pycache__`, or ~/.cache/hpc_nu
where that cannot be written.
"""

import fcntl
import hashlib
import logging
import os
from contextlib import contextmanager, suppress
from pathlib import Path

import h5py
import numpy as np

from hpc_nu.atomic import replacing
from hpc_nu.plasma.active_neutrino import MAX_MASS
from hpc_nu.plasma.higgs import CROSSOVERS
from hpc_nu.plasma.self_energy_table import SelfEnergyTable
from hpc_nu.plasma.table_builder import BLOCKS, DEFAULT, MASSLESS, REFERENCE_CROSSOVER, build, identity, nodes_for_mass
from hpc_nu.plasma.user_table import UserTable
from hpc_nu.shared import Shared, on_rank_0

_DATA = Path(__file__).resolve().parent / "data"
PACKAGED = _DATA / "self_energy.h5"
PACKAGED_MASSLESS = _DATA / "self_energy_massless.h5"

_PACKAGED = {"default": (DEFAULT, PACKAGED), "massless": (MASSLESS, PACKAGED_MASSLESS)}

_SECONDS_PER_MASS = 36.0  # processor time

FORMAT = "hpc_nu self-energy"

CACHE_VARIABLE = "HPC_NU_CACHE"

_AXES = {
    "leptons": ("mass", "temperature", "momentum"),
    "matter": ("mass", "temperature", "momentum"),
    "bosons": ("mass", "vev", "momentum"),
    "potential": ("mass", "vev", "momentum"),
}
_UNITS = {"mass": "GeV", "temperature": "GeV", "vev": "T", "momentum": "T"}

log = logging.getLogger("hpc_nu")


class _Unusable(Exception):
    """A file that is not the table asked for; `damaged` if it should have been."""

    def __init__(self, text, damaged=True):
        super().__init__(text)
        self.damaged = damaged


def open_table(which, communicator, mass=None, crossover=REFERENCE_CROSSOVER):
    """The table of that name; collective.

    Parameters
    ----------
    which : str or Path
        "default", for all masses of seesaw models; "massless", for keV-scale ones; "this_mass", with nodes at exactly
        `mass`; or a file as described in `user_table`.
    communicator
        mpi4py's, or `hpc_nu.single_process.SingleProcess`.
    mass : float [GeV], optional
        For "this_mass".
    crossover : str
        For "this_mass": the only one that this table is for.

    Returns
    -------
    SelfEnergyTable or UserTable
        Both have `self_energy`, `identity`, `mass_range`, `temperature_range` and `source`, the file or None.

    Raises
    ------
    ValueError
        If the user's file is not what it must be, or the mass is out of range; on all ranks.
    """
    if which == "default":
        return default_table(communicator)
    if which == "massless":
        return massless_table(communicator)
    if which == "this_mass":
        if mass is None:
            raise ValueError("open_table: 'this_mass' needs a mass")
        return table_for_mass(mass, communicator, crossover)
    return on_rank_0(communicator, lambda: UserTable(which))


tables = Shared("self-energy", lambda key, communicator: open_table(key[0], communicator, *key[1:]))
"""By what `open_table` is given."""


def shared_table(which, mass=None, crossover=REFERENCE_CROSSOVER):
    """`open_table` by this process alone, unless the table is there.

    Arguments as `open_table`; `mass` and `crossover` matter for "this_mass" alone.
    """
    return tables[_key(which, mass, crossover)]


def prepare_table(which, communicator, mass=None, crossover=REFERENCE_CROSSOVER):
    """See to it that `shared_table` opens and builds nothing, and is the same on all ranks; collective."""
    tables.prepare([_key(which, mass, crossover)], communicator)


def seconds_to_build(which, mass=None, crossover=REFERENCE_CROSSOVER):
    """Processor time [s] of what `prepare_table` would have to build: 0 if there is a file, which is not read here."""
    if which == "this_mass":
        nodes, packaged = nodes_for_mass(mass, crossover, DEFAULT), None
    elif which in _PACKAGED:
        nodes, packaged = _PACKAGED[which]
    else:  # a file of the user
        return 0.0
    if any(place.exists() for place in _places(nodes, packaged)):
        return 0.0
    return _SECONDS_PER_MASS * nodes.shape("matter")[0]


def _key(which, mass, crossover):
    return (which, mass, crossover) if which == "this_mass" else (which,)


def default_table(communicator, rebuild=False):
    """The table that comes with the package, or one from the cache, or a new one; collective.

    Parameters
    ----------
    rebuild : bool
        Build it whatever there is, and put it in the place of the packaged one, or if that cannot be written, in the
        cache.
    """
    return _find_or_build(DEFAULT, communicator, PACKAGED, rebuild)


def massless_table(communicator, rebuild=False):
    """The table for masses far below the temperature, otherwise as `default_table`."""
    return _find_or_build(MASSLESS, communicator, PACKAGED_MASSLESS, rebuild)


def table_for_mass(mass, communicator, crossover=REFERENCE_CROSSOVER):
    """A table with nodes at exactly one mass [GeV], for one crossover, from the cache or a new one; collective."""
    mass = float(mass)
    if not 0 < mass < MAX_MASS:
        raise ValueError(f"self-energy table: mass {mass:g} GeV: expected between 0 and {MAX_MASS:g} GeV")
    if crossover not in CROSSOVERS:
        raise ValueError(f"crossover = {crossover!r}: expected one of {', '.join(CROSSOVERS)}")
    return _find_or_build(nodes_for_mass(mass, crossover, DEFAULT), communicator)


def cache_folders():
    """Where tables may be kept: paths, whether they are there and can be written or not."""
    if os.environ.get(CACHE_VARIABLE):
        return [Path(os.environ[CACHE_VARIABLE])]
    folders = [Path(__file__).resolve().parents[1] / "__pycache__"]
    with suppress(RuntimeError):  # neither HOME nor an entry in the list of users
        folders.append(Path.home() / ".cache" / "hpc_nu")
    return folders


def cache_folder():
    """The first of them that can be written, or None."""
    for folder in cache_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def write_table(path, nodes, blocks):
    """Write a table, whole or not at all."""
    with replacing(os.fspath(path)) as temporary, h5py.File(temporary, "w", libver="earliest") as file:
        file.attrs.update(
            format=FORMAT,
            identity=identity(nodes),
            checksum=_checksum(blocks),
            mass_range=nodes.mass_range,
            crossover=nodes.crossover,
        )
        for block in BLOCKS:
            dataset = file.create_dataset(
                block, data=blocks[block], shuffle=True, compression="gzip", compression_opts=9
            )
            for i, (name, axis) in enumerate(zip(_AXES[block], getattr(nodes, block), strict=True)):
                scale = file.create_dataset(f"{block}_{name}", data=axis.nodes())
                scale.attrs["units"] = _UNITS[name]
                scale.make_scale(name)
                dataset.dims[i].attach_scale(scale)
                dataset.dims[i].label = name
            dataset.dims[3].label = "channel"


def read_table(path, nodes):
    """Blocks of the table in this file, if it is the one with these nodes and whole.

    Raises
    ------
    _Unusable
        Otherwise.
    """
    if not os.path.exists(path):
        raise _Unusable("no such file", damaged=False)
    wanted = identity(nodes)
    try:
        with h5py.File(path, "r", locking=False) as file:
            if file.attrs.get("format") != FORMAT:
                raise _Unusable("is no table of the self-energy")
            if file.attrs["identity"] != wanted:
                text = f"has the identity {file.attrs['identity']}, and this version of the code asks for {wanted}"
                raise _Unusable(text, damaged=False)
            for block in BLOCKS:  # before they are read: a damaged file may claim more than there is
                shape, wanted_shape = file[block].shape, nodes.shape(block)
                if shape != wanted_shape or file[block].dtype != np.float32:
                    raise _Unusable(f"{block} has the shape {shape} instead of {wanted_shape}")
            blocks = {block: file[block][()] for block in BLOCKS}
            checksum = file.attrs["checksum"]
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise _Unusable(f"cannot be read ({error})") from None
    if _checksum(blocks) != checksum:
        raise _Unusable("the checksum of its data is not the one that it states")
    return blocks


def _checksum(blocks):
    digest = hashlib.sha256()
    for block in BLOCKS:
        digest.update(np.ascontiguousarray(blocks[block], "<f4").tobytes())
    return digest.hexdigest()


def _places(nodes, packaged):
    """Files in which the table may be, the best first."""
    return [packaged] * bool(packaged) + [folder / _file_name(nodes) for folder in cache_folders()]


def _file_name(nodes):
    return f"self-energy-{identity(nodes)}.h5"


def _find_or_build(nodes, communicator, packaged=None, rebuild=False):
    places = _places(nodes, packaged)
    found = None if rebuild else on_rank_0(communicator, lambda: _read_first(places, nodes))
    if found is None:
        folder = cache_folder() if communicator.rank == 0 else None
        target = cached = folder / _file_name(nodes) if folder else None
        if rebuild and packaged and communicator.rank == 0 and _is_writable(packaged):
            target = packaged
        with _lock(cached):
            if not rebuild:  # another process may have built it while this one waited
                found = on_rank_0(communicator, lambda: _read_first(places, nodes, silent=True))
            if found is None:
                if communicator.rank == 0:
                    ranks = f"{communicator.size} rank{'s' if communicator.size > 1 else ''}"
                    log.info("building the self-energy table %s on %s", identity(nodes), ranks)
                blocks = build(nodes, communicator)
                found = blocks, on_rank_0(communicator, lambda: _store(target, nodes, blocks))
    blocks, source = found
    table = SelfEnergyTable(nodes, blocks)
    table.source = source
    return table


def _read_first(places, nodes, silent=False):
    """Blocks and path of the first place that has the table, or None."""
    for path in places:
        try:
            return read_table(path, nodes), os.fspath(path)
        except _Unusable as problem:
            if problem.damaged and not silent:
                log.warning("self-energy table %s %s: not used", path, problem)
            elif path.exists() and not silent:
                log.info("self-energy table %s %s", path, problem)
    return None


def _store(path, nodes, blocks):
    """Write the table if there is a place for it; the path as a string, or None."""
    if path is None:
        log.warning("self-energy table: no folder to keep it in; set %s to one", CACHE_VARIABLE)
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(path, nodes, blocks)
    except OSError as error:
        log.warning("self-energy table: %s cannot be written (%s); it will be built again next time", path, error)
        return None
    log.info("wrote the self-energy table %s", path)
    return os.fspath(path)


def _is_writable(path):
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError:
        return False
    return os.access(path.parent, os.W_OK)


@contextmanager
def _lock(path):
    """Hold the lock that belongs to a file in the cache, after waiting for it; a process that dies leaves it."""
    if path is None:
        yield
        return
    try:
        file = open(f"{path}.lock", "w")
    except OSError as error:  # that of another user, in a folder that is shared
        log.warning("%s.lock cannot be opened (%s): another process may be building the same table", path, error)
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("another process is building the self-energy table: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            log.warning("%s: this file system has no locks (%s)", path, error)
        yield
