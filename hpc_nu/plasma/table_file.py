"""Where tables of the self-energy come from: the package, the cache, a user's file; and if nowhere, built.

A table is one HDF5 file with the four blocks of `table_builder` as datasets, the nodes of their axes beside them, its
identity (hash of what it is made from) and a checksum of its data.  See `table_store` for where it is looked for and
kept.
"""

import hashlib
import os
from pathlib import Path

import h5py
import numpy as np

from hpc_nu.atomic import replacing
from hpc_nu.plasma.active_neutrino import MAX_MASS
from hpc_nu.plasma.higgs import CROSSOVERS
from hpc_nu.plasma.self_energy_table import SelfEnergyTable
from hpc_nu.plasma.table_builder import BLOCKS, DEFAULT, MASSLESS, REFERENCE_CROSSOVER, build, identity, nodes_for_mass
from hpc_nu.plasma.table_store import Kind, Unusable, find_or_build, opened_table
from hpc_nu.plasma.user_table import UserTable
from hpc_nu.shared import Shared, on_rank_0

_DATA = Path(__file__).resolve().parent / "data"
PACKAGED = _DATA / "self_energy.h5"
PACKAGED_MASSLESS = _DATA / "self_energy_massless.h5"

_PACKAGED = {"default": (DEFAULT, PACKAGED), "massless": (MASSLESS, PACKAGED_MASSLESS)}

_SECONDS_PER_MASS = 36.0  # processor time

FORMAT = "hpc_nu self-energy"

_AXES = {
    "leptons": ("mass", "temperature", "momentum"),
    "matter": ("mass", "temperature", "momentum"),
    "bosons": ("mass", "vev", "momentum"),
    "potential": ("mass", "vev", "momentum"),
}
_UNITS = {"mass": "GeV", "temperature": "GeV", "vev": "T", "momentum": "T"}


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
    if any(place.exists() for place in _kind(nodes, packaged).places()):
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
    Unusable
        Otherwise.
    """
    with opened_table(path, FORMAT, identity(nodes), "the self-energy") as file:
        for block in BLOCKS:  # before they are read: a damaged file may claim more than there is
            shape, wanted_shape = file[block].shape, nodes.shape(block)
            if shape != wanted_shape or file[block].dtype != np.float32:
                raise Unusable(f"{block} has the shape {shape} instead of {wanted_shape}")
        blocks = {block: file[block][()] for block in BLOCKS}
        checksum = file.attrs["checksum"]
    if _checksum(blocks) != checksum:
        raise Unusable("the checksum of its data is not the one that it states")
    return blocks


def _checksum(blocks):
    digest = hashlib.sha256()
    for block in BLOCKS:
        digest.update(np.ascontiguousarray(blocks[block], "<f4").tobytes())
    return digest.hexdigest()


def _kind(nodes, packaged=None):
    return Kind(
        name="self-energy table",
        identity=identity(nodes),
        file_name=f"self-energy-{identity(nodes)}.h5",
        packaged=packaged,
        read=lambda path: read_table(path, nodes),
        build=lambda communicator: build(nodes, communicator),
        write=lambda path, blocks: write_table(path, nodes, blocks),
    )


def _find_or_build(nodes, communicator, packaged=None, rebuild=False):
    blocks, source = find_or_build(_kind(nodes, packaged), communicator, rebuild)
    table = SelfEnergyTable(nodes, blocks)
    table.source = source
    return table
