"""Nodes of the self-energy table, and its building over the ranks of a communicator.

Tabulated are only the parts that are expensive and smooth; `self_energy_table` puts the rest on top.  Four blocks, each
a tensor product over (mass, second variable, k/T), flavours e, mu, tau and helicities h = -1, +1:

| block       | second variable | channels                                                                     |
|-------------|-----------------|------------------------------------------------------------------------------|
| `leptons`   | T               | ln(Gamma_h/reference) per flavour, Fermi theory: scattering off leptons      |
| `matter`    | T > 55 MeV      | the same with quarks of three colours (below 60 MeV N_c,eff = 0)             |
| `bosons`    | v/T             | ln(Gamma_h/T) with W and Z propagators, the same for all flavours            |
| `potential` | v/T             | b_h/scale with massless charged leptons; what the tau's mass adds to it      |

Fermi theory.  reference = G_F^2 {[2/(192 pi^3)] M^4 (E + hk) + T^4 (0.79 E + ...)}, see `fermi_reference`: the
vacuum width of one left-left vertex plus a fit to the massless thermal one, so that the ratio is of order one.

W and Z.  With all masses of the bath proportional to v, width and potential over T are functions of v/T, k/T and M/T,
apart from the mass of the tau.  The mass coordinate is M T_0(v/T)/T, T_0 the temperature that belongs to v/T in the
crossover `REFERENCE_CROSSOVER`, and m_tau/T is taken there.  So the masses of interest fill a rectangle, and one table
serves all crossovers: in another one, a given M is a slowly varying M' (8 % at most, for "lattice").  The mass of the
muon is left out (7e-5 of b at 3.5 GeV, less above).  scale = 1/[(v/T)^4/(30 E) + 23 E], E in units of T, goes
from the Noetzold-Raffelt limit to m_inf^2/(2k).
"""

import hashlib
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.plasma import fermi_theory, gauge_potential
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.active_neutrino import MIN_VEV_OVER_T
from hpc_nu.plasma.fermi_theory import active_neutrino_width
from hpc_nu.plasma.gauge_potential import active_potential
from hpc_nu.plasma.gauge_propagators import active_width
from hpc_nu.plasma.higgs import CROSSOVERS, higgs_expectation_value
from hpc_nu.plasma.table_store import on_all_ranks
from hpc_nu.plasma.uniform_spline import Axis

PHYSICS_VERSION = 1
"""To be raised by hand when a formula changes that enters the table: tables of another version are not read."""

FORMAT_VERSION = 1

REFERENCE_CROSSOVER = "leading_order"

RESOLUTION = 2.0**-17
"""Values are rounded to multiples of this, for the sake of compression: 4e-6 of a width."""

BLOCKS = ("leptons", "matter", "bosons", "potential")

_TAU = sm.CHARGED_LEPTON_MASSES[2]


class Nodes(NamedTuple):
    """Of one table: the axes of its blocks in the order (mass, second variable, k/T), and the quadratures.

    Attributes
    ----------
    mass_range : (float, float) [GeV]
        The masses that the table is for; the mass axes of `bosons` and `potential` reach further.
    n_nodes : (int, int)
        `active_width` with v/T above and below `NARROW_BELOW`, where poles are narrow and the default is not enough.
    crossover : str
        That of T_0; another than `REFERENCE_CROSSOVER` with a single mass only.
    """

    mass_range: tuple
    leptons: tuple
    matter: tuple
    bosons: tuple
    potential: tuple
    n_nodes: tuple = (12, 20)
    crossover: str = REFERENCE_CROSSOVER

    def shape(self, block):
        n_channels = {"leptons": 6, "matter": 6, "bosons": 2, "potential": 4}[block]
        return (*(axis.size for axis in getattr(self, block)), n_channels)


NARROW_BELOW = 0.5

_MASS = Axis(0.1, 30.0, 45)
_VEV_OVER_T = (MIN_VEV_OVER_T, 70.4)
MOMENTUM_RANGE = (3e-4, 100.0)
"""Of k/T, in all blocks."""
DEFAULT = Nodes(
    mass_range=(0.1, 30.0),
    leptons=(_MASS, Axis(1e-3, 6.0, 49), Axis(*MOMENTUM_RANGE, 29, gain=1.5, dense=0.01)),
    matter=(_MASS, Axis(0.055, 6.0, 27), Axis(*MOMENTUM_RANGE, 29, gain=1.5, dense=0.01)),
    bosons=(
        Axis(0.085, 33.0, 37, linear=1 / 15),
        Axis(*_VEV_OVER_T, 77, linear=1 / 10, gain=2.0, dense=1.0),
        Axis(*MOMENTUM_RANGE, 77, gain=2.0, dense=0.004),
    ),
    potential=(
        Axis(0.085, 33.0, 41, linear=1 / 15),
        Axis(*_VEV_OVER_T, 101, linear=1 / 10, gain=2.0, dense=1.0),
        Axis(*MOMENTUM_RANGE, 57, gain=1.0, dense=0.004),
    ),
)
"""The table that comes with the package."""


def nodes_for_mass(mass, crossover, like):
    """`Nodes` with exactly one mass [GeV], exact in one crossover, and otherwise those of `like`."""
    one = Axis(mass, mass, 1)
    blocks = {block: (one, *getattr(like, block)[1:]) for block in BLOCKS}
    return like._replace(mass_range=(mass, mass), crossover=crossover, **blocks)


NO_MASS = 1e-9
"""A mass [GeV] that is none at 1 MeV and above."""

MASSLESS = nodes_for_mass(NO_MASS, REFERENCE_CROSSOVER, DEFAULT)
"""For sterile neutrinos of the keV scale; also comes with the package."""


def identity(nodes):
    """Hash of everything that the values of the table depend on, as hexadecimal digits.

    Formulas enter through `PHYSICS_VERSION` and `FORMAT_VERSION`.  Numbers count to twelve digits, so that two
    processors agree.
    """
    parts = [
        FORMAT_VERSION,
        PHYSICS_VERSION,
        RESOLUTION,
        nodes,
        CROSSOVERS[nodes.crossover],
        fermi_theory.N_NODES,
        gauge_potential.PANEL_NODES,
        sorted((name, value) for name, value in vars(sm).items() if name.isupper() and not name.startswith("_")),
    ]
    return hashlib.sha256(_text(parts).encode()).hexdigest()[:32]


def _text(value):
    if isinstance(value, tuple | list):
        return "(" + ",".join(map(_text, value)) + ")"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def fermi_reference(momentum, mass, temperature):
    """(h = -1, h = +1) [GeV] of the head of this module; numbers in compiled code, arrays elsewhere."""
    energy = np.sqrt(momentum**2 + mass**2)
    far = energy + momentum
    vacuum, t4 = 2 / (192 * math.pi**3) * mass**4, temperature**4
    minus = vacuum * mass**2 / far + t4 * (0.79 * energy + 0.2 * momentum)
    plus = vacuum * far + t4 * (0.79 * energy - 0.25 * momentum + 0.06 * momentum**2 / temperature)
    return sm.FERMI_CONSTANT**2 * minus, sm.FERMI_CONSTANT**2 * plus


def potential_scale(momentum, mass, vev):
    """b_h/T is of this order; everything in units of T."""
    energy = np.sqrt(momentum**2 + mass**2)
    return 1 / (vev**4 / (30 * energy) + 23 * energy)


compiled_fermi_reference = compiled(fermi_reference)
compiled_potential_scale = compiled(potential_scale)


@lru_cache(maxsize=16)
def temperatures_of_vev(vev_over_t, crossover):
    """T [GeV] at which v/T has the given values, a tuple; an array."""
    wanted = np.array(vev_over_t)
    low, high = np.full((2, wanted.size), np.log([[1.0], [1000.0]]))  # v/T falls from 246 to nothing
    for _ in range(60):
        middle = (low + high) / 2
        t = np.exp(middle)
        above = higgs_expectation_value(t, crossover) / t > wanted
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.exp((low + high) / 2)


def block_row(nodes, block, i, j):
    """Values at all k/T, for one mass and one value of the second variable: (n_momenta, n_channels)."""
    mass_axis, second_axis, momentum_axis = getattr(nodes, block)
    mass, second, q = mass_axis.nodes()[i], second_axis.nodes()[j], momentum_axis.nodes()
    if block in ("leptons", "matter"):
        k = q * second
        matter = ("leptons",) if block == "leptons" else ("leptons", "quarks")
        width = active_neutrino_width(k, mass, second, matter=matter, colours=sm.N_COLOURS)
        return np.log(width / np.stack(fermi_reference(k, mass, second), axis=-1)[:, np.newaxis, :]).reshape(q.size, -1)
    temperature = temperatures_of_vev(tuple(second_axis.nodes()), nodes.crossover)[j]
    arguments = q * temperature, mass, temperature, second * temperature
    if block == "bosons":
        n_nodes = nodes.n_nodes[0 if second > NARROW_BELOW else 1]
        return np.log(active_width(*arguments, n_nodes) / temperature)
    scale = temperature * potential_scale(q, mass / temperature, second)[:, np.newaxis]
    massless, tau = active_potential(*arguments) / scale, active_potential(*arguments, _TAU) / scale
    return np.concatenate([massless, tau - massless], axis=-1)


def build(nodes, communicator):
    """All blocks, on all ranks; collective.

    Returns
    -------
    dict of (n_mass, n_second, n_momenta, n_channels) float32 arrays
    """
    rows = [
        (block, i, j) for block in BLOCKS for i in range(nodes.shape(block)[0]) for j in range(nodes.shape(block)[1])
    ]
    values = on_all_ranks(communicator, lambda *row: block_row(nodes, *row), rows, "self-energy table")
    blocks = None
    if values:
        blocks = {block: np.empty(nodes.shape(block), np.float32) for block in BLOCKS}
        for (block, i, j), value in zip(rows, values, strict=True):
            blocks[block][i, j] = np.round(value / RESOLUTION) * RESOLUTION
    return communicator.bcast(blocks)
