"""Direct rates of heavy neutrinos by interpolation: `direct_rates` in a microsecond a point.

Cubic splines of ln(gamma_c/T) and of ln of the kernel of gamma_v over ln T and ln k/T, for M = 0, one table for each
crossover and scale mu/T of the couplings.  With a mass,

    gamma_c = (E+k)/(2E) (gamma_c at M = 0),        gamma_v = M^2/[2E (E+k)] (kernel at M = 0),

which for M <= 10 GeV and k >= T is right to 1 % (gamma_c), and to 4 % at 160 GeV and 8 % at 140 GeV (gamma_v), and for
M <= 2 GeV to 1 % down to k = 0.3 T.  Nothing is interpolated across M: thresholds move with it.  Outside of the
momentum axis the values are those at its ends.

Errors of the interpolation at 5000 random points of the two packaged tables, in ln T and ln k, median and maximum:

| k/T         | gamma_c     | gamma_v     |
|-------------|-------------|-------------|
| 0.25 ... 30 | 1e-5, 1e-3  | 5e-5, 3e-3  |
| 0.1 ... 0.25 | 1e-4, 7e-3 | 5e-4, 2e-2  |
| 0.03 ... 0.1 | 1e-3, 4e-2 | 4e-3, 9e-2  |

The last line is where exact kinematics takes away most of the rate, whose own error there is a factor of 2.  With one
spline in place of two that end where m_phi^2 = 0, gamma_v would be off by 10 % around that temperature.
"""

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import brentq

from hpc_nu.atomic import replacing
from hpc_nu.plasma import direct_born, direct_medium, direct_rates, direct_scattering, multiple_scattering
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.direct_medium import DEFAULT_SCALE
from hpc_nu.plasma.higgs import CROSSOVERS, FREEZE_OUT
from hpc_nu.plasma.running_couplings import REFERENCE_COUPLINGS, REFERENCE_SCALE, running_couplings
from hpc_nu.plasma.table_store import Kind, Unusable, find_or_build, on_all_ranks, opened_table
from hpc_nu.shared import Shared

PHYSICS_VERSION = 1
"""To be raised by hand when a formula changes that enters the table: tables of another version are not read."""

FORMAT_VERSION = 1
FORMAT = "hpc_nu direct rates"

TEMPERATURE_RANGE = (100.0, 1e6)
"""[GeV].  Below, W, Z and h are too heavy for collinear kinematics."""
MOMENTA = tuple(np.geomspace(0.03, 30.0, 24))
"""k/T"""

BELOW = tuple((np.arange(15) / 14) ** 1.5)
"""Nodes as fractions of the way from the kink down to the lowest temperature."""
ABOVE = (1.2, 2.5, 4, 6, 8.5, 12, 17, 24, 35, 55, 90, 150, 250, 450, 850, 1800, 4e3, 1e4, 3e4, 1e5, 3e5)
"""Nodes from the kink up [GeV], besides itself and the highest temperature."""

QUANTITIES = ("gamma_c", "kernel_v")

PACKAGED_FOLDER = Path(__file__).resolve().parent / "data"
_SECONDS = 20.0  # processor time to build one


class Nodes(NamedTuple):
    """What a table is made for.

    Attributes
    ----------
    crossover : str
        One of `higgs.CROSSOVERS`.
    scale : float
        mu/T.
    temperatures : tuple [GeV]
    kink : int
        Index of the temperature at which m_phi^2 = 0: rates have a kink there, and splines end.
    momenta : tuple
        k/T
    """

    crossover: str
    scale: float
    temperatures: tuple
    kink: int
    momenta: tuple

    def shape(self):
        return len(QUANTITIES), len(self.temperatures), len(self.momenta)


@cache
def nodes_for(crossover="leading_order", scale=DEFAULT_SCALE):
    """`Nodes` of a table from 100 to 10^6 GeV, dense where m_phi^2 = 0."""
    if crossover not in CROSSOVERS:
        raise ValueError(f"crossover = {crossover!r}: expected one of {', '.join(CROSSOVERS)}")
    low, high = TEMPERATURE_RANGE

    def mass_squared(temperature):
        return direct_medium.scalar_mass_squared(temperature, running_couplings(scale * temperature), crossover)

    kink = brentq(mass_squared, low, 2 * low, xtol=1e-12)
    below, above = kink - (kink - low) * np.array(BELOW[::-1]), kink + np.array(ABOVE)
    return Nodes(crossover, scale, (low, *map(float, below[1:]), *map(float, above), high), len(below) - 1, MOMENTA)


class DirectTable:
    """Interpolated direct rates.

    Parameters
    ----------
    nodes : Nodes
    values : (2, n_temperatures, n_momenta) array
        From `build`.

    Attributes
    ----------
    identity : str
        Hash of what the table is made from.
    temperature_range : (float, float) [GeV]
    """

    def __init__(self, nodes, values):
        self.nodes, self.identity = nodes, identity(nodes)
        self.temperature_range = nodes.temperatures[0], nodes.temperatures[-1]
        log_t, log_k = np.log(nodes.temperatures), np.log(nodes.momenta)
        self._splines = [
            [RectBivariateSpline(log_t[side], log_k, np.log(value[side])) for value in values]
            for side in (slice(nodes.kink + 1), slice(nodes.kink, None))
        ]

    def rates(self, temperature, momentum, mass):
        """gamma_c and gamma_v [GeV] per unit |Yukawa coupling|^2.

        Parameters
        ----------
        temperature, momentum, mass : arrays [GeV]
            T in `temperature_range`, k > 0, M >= 0; broadcast against each other.

        Raises
        ------
        ValueError
            If a temperature is out of range.
        """
        t, k, m = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (temperature, momentum, mass)))
        low, high = self.temperature_range
        bad = ~((t >= low) & (t <= high))
        if np.any(bad):
            raise ValueError(f"direct rates: temperature {t[bad].flat[0]:g} GeV: expected from {low:g} to {high:g} GeV")
        log_t, log_k = np.log(t), np.log(np.clip(k / t, self.nodes.momenta[0], self.nodes.momenta[-1]))
        above = t > self.nodes.temperatures[self.nodes.kink]
        logs = np.empty((len(QUANTITIES), *t.shape))
        for side, splines in zip((~above, above), self._splines, strict=True):
            for i, spline in enumerate(splines):
                logs[i, side] = spline.ev(log_t[side], log_k[side])
        gamma_c, kernel_v = np.exp(logs)
        energy = np.hypot(k, m)
        far = energy + k
        return t * far / (2 * energy) * gamma_c, t * m**2 / (2 * energy * far) * kernel_v


def identity(nodes):
    """Hash of everything that the values of the table depend on, as hexadecimal digits; numbers to twelve digits."""
    numbers = [FORMAT_VERSION, PHYSICS_VERSION, nodes.scale, *nodes.temperatures, *nodes.momenta]
    numbers += [*CROSSOVERS[nodes.crossover], nodes.crossover == "leading_order", REFERENCE_SCALE, *REFERENCE_COUPLINGS]
    numbers += [sm.ELECTROWEAK_VEV, sm.W_MASS, sm.Z_MASS, sm.HIGGS_MASS, sm.TOP_MASS]
    numbers += [multiple_scattering.TOLERANCE, multiple_scattering.N_NODES, direct_scattering.N_NODES]
    numbers += [direct_rates.BORN_NODES, direct_rates.LEAST_SHARE, direct_born.LENGTH, FREEZE_OUT]
    numbers += [direct_medium.NO_VEV, direct_medium.ELECTRIC_SHARE, direct_scattering.LARGE, direct_scattering.SOFTEST]
    numbers += [multiple_scattering.DEPTH, multiple_scattering.NEAR, multiple_scattering.FAR]
    return hashlib.sha256(" ".join(f"{number:.12g}" for number in numbers).encode()).hexdigest()[:32]


def build(nodes, communicator):
    """All values, on all ranks; collective.

    Returns
    -------
    (2, n_temperatures, n_momenta) array
        gamma_c/T and 2E(E+k) gamma_v/(M^2 T) for M -> 0.
    """
    points = [(i, j) for i in range(len(nodes.temperatures)) for j in range(len(nodes.momenta))]
    values = on_all_ranks(communicator, lambda i, j: node_values(nodes, i, j), points, "table of direct rates")
    table = None
    if values:
        table = np.moveaxis(np.reshape(values, (*nodes.shape()[1:], len(QUANTITIES))), -1, 0).copy()
    return communicator.bcast(table)


def node_values(nodes, i, j):
    """`DirectRates` at temperature i and momentum j."""
    temperature = nodes.temperatures[i]
    return direct_rates.direct_rates(
        temperature, nodes.momenta[j] * temperature, crossover=nodes.crossover, scale=nodes.scale
    )


def open_direct_table(crossover, communicator, rebuild=False, scale=DEFAULT_SCALE):
    """The table of a crossover, with couplings at mu = `scale` T: packaged, from the cache, or new; collective.

    Parameters
    ----------
    crossover : str
        One of `higgs.CROSSOVERS`.
    communicator
        mpi4py's, or `hpc_nu.single_process.SingleProcess`.
    rebuild : bool
        Build it whatever there is, and put it in the place of the packaged one, or if that cannot be written, in the
        cache.
    scale : float

    Returns
    -------
    DirectTable
        With `source`, the file or None.
    """
    nodes = nodes_for(crossover, scale)
    values, source = find_or_build(_kind(nodes), communicator, rebuild)
    table = DirectTable(nodes, values)
    table.source = source
    return table


direct_tables = Shared("direct rates", open_direct_table)
"""By crossover; couplings at the default scale."""


def seconds_to_build(crossover):
    """Processor time [s] of what `direct_tables` would have to build: 0 if there is a file, which is not read here."""
    return 0.0 if any(place.exists() for place in _kind(nodes_for(crossover)).places()) else _SECONDS


def packaged_file(crossover):
    """Where the package has the table of a crossover."""
    return PACKAGED_FOLDER / f"direct_rates_{crossover}.h5"


def _kind(nodes):
    return Kind(
        name="table of direct rates",
        identity=identity(nodes),
        file_name=f"direct-rates-{identity(nodes)}.h5",
        packaged=packaged_file(nodes.crossover) if nodes == nodes_for(nodes.crossover) else None,
        read=lambda path: read_table(path, nodes),
        build=lambda communicator: build(nodes, communicator),
        write=lambda path, values: write_table(path, nodes, values),
    )


def write_table(path, nodes, values):
    """Write a table, whole or not at all."""
    with replacing(os.fspath(path)) as temporary, h5py.File(temporary, "w", libver="earliest") as file:
        file.attrs.update(
            format=FORMAT,
            identity=identity(nodes),
            checksum=_checksum(values),
            crossover=nodes.crossover,
            scale_over_temperature=nodes.scale,
        )
        for name, units in (("temperatures", "GeV"), ("momenta", "T")):
            scale = file.create_dataset(name, data=getattr(nodes, name))
            scale.attrs["units"] = units
            scale.make_scale(name)
        for name, value in zip(QUANTITIES, values, strict=True):
            dataset = file.create_dataset(name, data=value)
            dataset.attrs["units"] = "T"
            for i, axis in enumerate(("temperatures", "momenta")):
                dataset.dims[i].attach_scale(file[axis])
                dataset.dims[i].label = axis


def read_table(path, nodes):
    """Values of the table in this file, if it is the one with these nodes and whole.

    Raises
    ------
    Unusable
        Otherwise.
    """
    shape = nodes.shape()[1:]
    with opened_table(path, FORMAT, identity(nodes), "direct rates") as file:
        for name in QUANTITIES:  # before they are read: a damaged file may claim more than there is
            if file[name].shape != shape or file[name].dtype != np.float64:
                raise Unusable(f"{name} has the shape {file[name].shape} instead of {shape}")
        values = np.stack([file[name][()] for name in QUANTITIES])
        checksum = file.attrs["checksum"]
    if _checksum(values) != checksum:
        raise Unusable("the checksum of its data is not the one that it states")
    return values


def _checksum(values):
    return hashlib.sha256(np.ascontiguousarray(values, "<f8").tobytes()).hexdigest()
