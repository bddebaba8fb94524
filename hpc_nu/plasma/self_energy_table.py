"""Self-energy of an active neutrino by interpolation: `active_neutrino.self_energy` in about a microsecond a point.

Cubic splines over the blocks of `table_builder`, and on top of them what is cheap or has thresholds:

    T < 6 GeV     Gamma_h = x Gamma(leptons, quarks) + (1 - x) Gamma(leptons, hadrons),      x = N_c,eff/3,
                  with N <-> lepton + meson computed for each mass on the nodes in T and k/T, since it has thresholds in
                  M; b_h is the closed form of `neutrino_potential`, of which only integrals over n_F are interpolated,
    T > 3.5 GeV   Gamma_h and b_h with W and Z,

and the same blend, and the same floor of v/T, as there.  For one mass the splines are first reduced to two dimensions,
which takes milliseconds and is kept for the masses used last.

Where the arguments leave the table:

    k/T           stays at the end of its axis.  Below 3e-4, Gamma_h and b_h are constant, as they are for k << M.
                  Above 100, where no particle is, Gamma_h is continued in proportion to E + hk, and b_h is constant.
    v/T < 0.01    Gamma_h/T and b_h/T are, as functions of k/T, those of the temperature at which v/T = 0.01 (in
                  `active_neutrino`, M/T goes on to fall).  Nothing depends on it: mixing has ended.
    M, T          ValueError.

Errors of the table that comes with the package, at 3850 random points (uniform in ln M from 0.1 to 30 GeV and in
ln k/T from 1e-3 to 30, a fifth of them each with the "lattice" crossover and with another N_c,eff), over Gamma_h and
over the larger of max |b_h| and `potential_scale`, median and 99 %:

| T                | Gamma_h, 0.05 < k/T < 10 | b_h, the same    | Gamma_h, k/T < 0.05 | b_h, the same    |
|------------------|--------------------------|------------------|---------------------|------------------|
| 1 MeV - 3.5 GeV  | 1e-6 ... 2e-5, 3e-4      | 1e-8             | 1e-5, 1e-4          | 1e-8             |
| 3.5 - 15 GeV     | 1e-5, 3e-4               | 1e-5, 2e-4       | 3e-6, 1e-4          | 1e-5, 2e-5       |
| 15 - 100 GeV     | 5e-6, 6e-4               | 1e-5, 3e-4       | 6e-6, 1e-3          | 1e-5, 1e-4       |
| 100 - 145 GeV    | 4e-6, 1e-5               | 3e-6, 7e-5       | 1e-5, 1e-3          | 4e-5, 6e-4       |
| 145 - 153 GeV    | 3e-6, 1e-5               | 1e-5, 2e-4       | 1e-5, 1e-3          | 2e-5, 7e-4       |
| 153 - 160 GeV    | 1e-5, 2e-3               | 1e-4, 7e-3       | 1e-4, 3e-3          | 1e-4, 7e-3       |

The potential has a cusp where M crosses the mass of the W, m_W(T) = 0.33 v(T), above 142 GeV: up to 1e-2 there at
k > 10 T.  Above 155 GeV the quadrature of the width is itself uncertain by as much as this.  Momentum-averaged rates
are right to 1e-4, but where they cross zero.
"""

from collections import OrderedDict
from functools import cache
from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma import table_builder
from hpc_nu.plasma.active_neutrino import BLEND, MIN_VEV_OVER_T
from hpc_nu.plasma.fermi_theory import active_neutrino_width, effective_colours
from hpc_nu.plasma.higgs import higgs_expectation_value
from hpc_nu.plasma.table_builder import (
    BLOCKS,
    compiled_fermi_reference,
    compiled_potential_scale,
    fermi_reference,
    temperatures_of_vev,
)
from hpc_nu.plasma.thermodynamics import smoothstep
from hpc_nu.plasma.uniform_spline import coefficients, cubic_weights, evaluate, locate

TEMPERATURE_RANGE = (1e-3, 1e6)
"""[GeV]"""

KEPT_MASSES = 8

_MAX_LEPTON_MASS = 80.0  # in units of T: heavier ones are not in the bath
_N_MOMENTS = 257
_MOMENT_STEP = np.log1p(_MAX_LEPTON_MASS) / (_N_MOMENTS - 1)
_LEPTONS = np.array(sm.CHARGED_LEPTON_MASSES)
_COUPLINGS = np.array([sm.WEAK_COUPLING_SQUARED, sm.WEAK_COUPLING_SQUARED / (2 * sm.ON_SHELL_COS2_WEAK_ANGLE)])
_BOSONS = np.array([sm.W_MASS, sm.Z_MASS])
_LOWEST, _HIGHEST = table_builder.MOMENTUM_RANGE


class _OneMass(NamedTuple):
    """Splines in two dimensions, per block the packed axes (2, AXIS_SIZE) and the coefficients."""

    axes: dict
    tables: dict
    floor_temperature: float


class SelfEnergyTable:
    """Interpolated self-energy.

    Parameters
    ----------
    nodes : table_builder.Nodes
    blocks : dict of arrays
        From `table_builder.build`.

    Attributes
    ----------
    identity : str
        Hash of what the table is made from.
    mass_range, temperature_range : (float, float) [GeV]
    """

    def __init__(self, nodes, blocks):
        self.nodes = nodes
        self.identity = table_builder.identity(nodes)
        self.mass_range, self.temperature_range = nodes.mass_range, TEMPERATURE_RANGE
        self._blocks = {block: blocks[block].astype(float) for block in BLOCKS}
        self._masses = OrderedDict()

    def self_energy(self, momentum, mass, temperature, crossover="leading_order", colour_factor=1.0):
        """Width and potential of an active neutrino in the bath, as `active_neutrino.self_energy`.

        Parameters
        ----------
        momentum, mass, temperature : arrays [GeV]
            k > 0, M in `mass_range`, T in `temperature_range`; broadcast against each other.  Fast for one mass.
        crossover : str
            One of `higgs.CROSSOVERS`; of a table for a single mass, that for which it was made.
        colour_factor : float
            Multiplies N_c,eff, up to 3.

        Returns
        -------
        width, potential : (..., 3, 2) arrays [GeV]
            Gamma_h and b_h; flavours e, mu, tau, then helicities h = -1, +1.

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        k, m, t = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (momentum, mass, temperature)))
        check_range("momentum", k, 0.0, np.inf)
        check_range("mass", m, *self.mass_range)
        check_range("temperature", t, *self.temperature_range)
        check_range("colour_factor", np.asarray(colour_factor, dtype=float), 0.0, np.inf, unit="")
        if self.mass_range[0] == self.mass_range[1] and crossover != self.nodes.crossover:
            raise ValueError(
                f"self-energy table: made for M = {self.mass_range[0]:g} GeV and crossover"
                f" {self.nodes.crossover!r} alone: {crossover!r} needs another table, or that for all masses"
            )
        shape = k.shape
        k, m, t = k.ravel(), m.ravel(), t.ravel()
        width, potential = np.empty((2, k.size, sm.N_FLAVOURS, 2))
        if k.size and np.all(m == m[0]):
            self._one_mass(k, m[0], t, crossover, colour_factor, width, potential)
        else:
            for value in np.unique(m):
                same = m == value
                part = np.empty((2, np.count_nonzero(same), sm.N_FLAVOURS, 2))
                self._one_mass(k[same], value, t[same], crossover, colour_factor, *part)
                width[same], potential[same] = part
        return width.reshape(*shape, sm.N_FLAVOURS, 2), potential.reshape(*shape, sm.N_FLAVOURS, 2)

    def _one_mass(self, k, mass, t, crossover, colour_factor, width, potential):
        splines = self._splines(float(mass), crossover)
        weight = smoothstep(np.log(t), *np.log(BLEND))
        low, high = np.flatnonzero(weight < 1), np.flatnonzero(weight > 0)
        width[...], potential[...] = 0.0, 0.0
        if low.size:
            quarks = np.minimum(colour_factor * effective_colours(t[low]) / sm.N_COLOURS, 1.0)
            axes, tables = splines.axes, splines.tables
            _add_fermi(
                k[low], mass, t[low], 1 - weight[low], quarks, _Surface(axes["leptons"], tables["leptons"]),
                _Surface(axes["matter"], tables["matter"]), _moment_coefficients(), low, width, potential,
            )  # fmt: skip
        if high.size:
            vev = np.maximum(higgs_expectation_value(t[high], crossover) / t[high], MIN_VEV_OVER_T)
            axes, tables = splines.axes, splines.tables
            _add_gauge(
                k[high], mass, t[high], weight[high], vev, splines.floor_temperature,
                _Surface(axes["bosons"], tables["bosons"]), _Surface(axes["potential"], tables["potential"]), high,
                width, potential,
            )  # fmt: skip

    def _splines(self, mass, crossover):
        key = mass, crossover
        if key not in self._masses:
            self._masses[key] = self._reduce(mass, crossover)
            if len(self._masses) > KEPT_MASSES:
                self._masses.popitem(last=False)
        self._masses.move_to_end(key)
        return self._masses[key]

    def _reduce(self, mass, crossover):
        axes, tables = {}, {}
        for block in BLOCKS:
            mass_axis, *plane = getattr(self.nodes, block)
            if block in ("leptons", "matter"):
                values = np.tensordot(mass_axis.cardinal(mass)[0], self._blocks[block], axes=1)
            else:
                ratios = tuple(plane[0].nodes())
                own, reference = (
                    temperatures_of_vev(ratios, crossover),
                    temperatures_of_vev(ratios, self.nodes.crossover),
                )
                equivalent = mass * reference / own
                if mass_axis.size > 1:
                    check_range("mass at equal v/T", equivalent, mass_axis.low, mass_axis.high)
                weights = mass_axis.cardinal(equivalent)
                values = np.einsum("jm,mjkc->jkc", weights, self._blocks[block])
            if block == "leptons":
                values = self._with_hadrons(values, mass)
            axes[block] = np.stack([axis.packed() for axis in plane])
            tables[block] = _spline(values)
        return _OneMass(axes, tables, float(temperatures_of_vev((MIN_VEV_OVER_T,), crossover)[0]))

    def _with_hadrons(self, values, mass):
        """From ln of the width from leptons to that from leptons and hadrons."""
        t, q = (axis.nodes() for axis in self.nodes.leptons[1:])
        t = t[:, np.newaxis]
        hadrons = active_neutrino_width(q * t, mass, t, matter=("hadrons",), colours=0.0)
        reference = np.stack(fermi_reference(q * t, mass, t), axis=-1)[:, :, np.newaxis, :]
        return np.log(np.exp(values) + (hadrons / reference).reshape(values.shape))


def check_range(name, value, low, high, unit=" GeV"):
    """ValueError unless all of `value` is finite and from `low` to `high`; 0 as `low` excluded for a momentum."""
    inside = (value >= low) & (value <= high) & np.isfinite(value)
    if name == "momentum":
        inside &= value > 0
    if not np.all(inside):
        wanted = f"from {low:g} to {high:g}{unit}" if np.isfinite(high) else "finite and positive"
        raise ValueError(f"self-energy table: {name} {value[~inside].flat[0]:g}{unit}: expected {wanted}")


def _spline(values):
    """Coefficients (n + 2, m + 2, c) of values (n, m, c)."""
    n, m, c = values.shape
    partial = (coefficients(n) @ values.reshape(n, m * c)).reshape(n + 2, m, c)
    return np.ascontiguousarray(np.matmul(coefficients(m), partial))


@cache
def _moment_coefficients():
    """Spline in ln(1 + z), z = m/T, of e^z int dp n_F p^2/eps X, X = eps^2, p^2, eps^4, eps^2 p^2, p^4; T = 1."""
    z = np.expm1(np.arange(_N_MOMENTS) * _MOMENT_STEP)[:, np.newaxis]
    nodes, weights = np.polynomial.legendre.leggauss(128)
    # eps = z + s^2 is smooth for all z; p dp = eps d eps
    s = np.sqrt(60.0) * (nodes + 1) / 2
    eps, rest = z + s**2, s**2
    p = s * np.sqrt(rest + 2 * z)
    weight = np.sqrt(60.0) / 2 * weights * 2 * s * p / (np.exp(rest) + np.exp(-z))  # p^2/eps dp n_F e^z
    moments = [np.sum(weight * x, axis=1) for x in (eps**2, p**2, eps**4, eps**2 * p**2, p**4)]
    return coefficients(_N_MOMENTS) @ np.stack(moments, axis=1)


@compiled
def _add_boson(moments, k, energy, mass, t, boson_mass, coupling, lepton, total):
    """Add the potential of `neutrino_potential` by one boson to total[h]; `moments` as `_moment_coefficients`."""
    z = lepton / t
    if z >= _MAX_LEPTON_MASS:
        return
    weights, integral = np.empty(4), np.empty(5)
    position = np.log1p(z) / _MOMENT_STEP
    cell = min(int(position), _N_MOMENTS - 2)
    cubic_weights(position - cell, weights)
    integral[:] = 0.0
    for i in range(4):
        for c in range(5):
            integral[c] += weights[i] * moments[cell + i, c]
    d2 = (boson_mass**2 - mass**2 - lepton**2) ** 2
    second = 4.0 / d2 * t * t
    even = energy * (integral[0] + second * (energy**2 * integral[2] + k**2 * integral[3]))
    odd = k * (integral[1] / 3 + second * (energy**2 * integral[3] + k**2 * integral[4] / 5))
    factor = -coupling / (np.pi**2 * d2) * t**4 * np.exp(-z)
    total[0] += factor * (even + odd)
    total[1] += factor * (even - odd)


@compiled
def _beyond(k, k_end, mass):
    """(E + hk)/(E' + hk') for h = -1, +1, if k is beyond the end k' of the table, else 1."""
    if k <= k_end:
        return 1.0, 1.0
    ratio = (np.sqrt(k**2 + mass**2) + k) / (np.sqrt(k_end**2 + mass**2) + k_end)
    return 1.0 / ratio, ratio


class _Surface(NamedTuple):
    """A table over two axes, packed, of one of the blocks."""

    axes: np.ndarray
    table: np.ndarray


@compiled
def _add_fermi(momentum, mass, temperature, share, quarks, leptons, matter, moments, place, width, potential):
    """Add `share` of the self-energy in Fermi theory to width[place[i]] and potential[place[i]]."""
    row_weights, column_weights, confined, free = np.empty(4), np.empty(4), np.empty(6), np.empty(6)
    reference, from_z, total = np.empty(2), np.empty(2), np.empty(2)
    for i in range(momentum.size):
        t, x, n = temperature[i], quarks[i], place[i]
        q = min(max(momentum[i] / t, _LOWEST), _HIGHEST)
        k = q * t
        beyond = _beyond(momentum[i], k, mass) if momentum[i] > k else (1.0, 1.0)
        column = locate(leptons.axes[1], q, column_weights)
        if x < 1.0:
            row = locate(leptons.axes[0], t, row_weights)
            evaluate(leptons.table, row, row_weights, column, column_weights, confined)
        if x > 0.0:
            row = locate(matter.axes[0], t, row_weights)
            column = locate(matter.axes[1], q, column_weights)
            evaluate(matter.table, row, row_weights, column, column_weights, free)
        reference[0], reference[1] = compiled_fermi_reference(k, mass, t)
        energy = np.sqrt(k**2 + mass**2)
        from_z[:] = 0.0
        _add_boson(moments, k, energy, mass, t, _BOSONS[1], _COUPLINGS[1], 0.0, from_z)
        for a in range(3):
            total[:] = from_z
            _add_boson(moments, k, energy, mass, t, _BOSONS[0], _COUPLINGS[0], _LEPTONS[a], total)
            for h in range(2):
                value = 0.0
                if x < 1.0:
                    value += (1.0 - x) * np.exp(confined[2 * a + h])
                if x > 0.0:
                    value += x * np.exp(free[2 * a + h])
                width[n, a, h] += share[i] * reference[h] * value * beyond[h]
                potential[n, a, h] += share[i] * total[h]


@compiled
def _add_gauge(momentum, mass, temperature, share, vev, floor_temperature, widths, shifts_of, place, width, potential):
    """Add `share` of the self-energy with W and Z; `vev` is v/T, not below its floor."""
    row_weights, column_weights, bosons, shifts = np.empty(4), np.empty(4), np.empty(2), np.empty(4)
    for i in range(momentum.size):
        t, n = temperature[i], place[i]
        q = min(max(momentum[i] / t, _LOWEST), _HIGHEST)
        k = q * t
        beyond = _beyond(momentum[i], k, mass) if momentum[i] > k else (1.0, 1.0)
        row = locate(widths.axes[0], vev[i], row_weights)
        column = locate(widths.axes[1], q, column_weights)
        evaluate(widths.table, row, row_weights, column, column_weights, bosons)
        row = locate(shifts_of.axes[0], vev[i], row_weights)
        column = locate(shifts_of.axes[1], q, column_weights)
        evaluate(shifts_of.table, row, row_weights, column, column_weights, shifts)
        scale = share[i] * t * compiled_potential_scale(q, mass / min(t, floor_temperature), vev[i])
        for h in range(2):
            value = share[i] * t * np.exp(bosons[h]) * beyond[h]
            for a in range(3):
                width[n, a, h] += value
                potential[n, a, h] += scale * (shifts[h] + (shifts[2 + h] if a == 2 else 0.0))
