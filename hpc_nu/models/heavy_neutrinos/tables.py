"""What points of the lepton asymmetries share: rates and susceptibilities as polynomials of z, stops, equilibrium."""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from hpc_nu.models.heavy_neutrinos import lanes
from hpc_nu.models.heavy_neutrinos.equations import weighted_sum
from hpc_nu.models.heavy_neutrinos.thermal_settings import rates_without_factors
from hpc_nu.models.kept import kept
from hpc_nu.plasma import charge_susceptibilities
from hpc_nu.plasma import susceptibilities as constant_susceptibilities
from hpc_nu.plasma.expansion import Expansion
from hpc_nu.plasma.higgs import higgs_expectation_value
from hpc_nu.seesaw.averaged_rates import averaged_rates
from hpc_nu.seesaw.rate_table import (
    RateTable,
    build_rate_table,
    equilibrium_occupation,
    redshifted,
    table_temperatures,
)

KEPT = 8
"""Rate tables, and what else points share, that a rank keeps: up to 20 MB each."""


class Tables(NamedTuple):
    """What all points of the same mass, settings and momentum grid read coefficients from.

    `omega` (n_cells, 4, 3, 3) are cubic polynomials of omega, as `rates.cells`; `first_cold` is the first cell in which
    sphalerons are out of equilibrium; `side_by_side` is both for `lanes`, if momentum-averaged.
    """

    rates: RateTable
    omega: np.ndarray
    first_cold: int
    side_by_side: np.ndarray | None


class Shared(NamedTuple):
    """What all points of the same mass, settings, momentum grid and output temperatures share.

    `stops` (n_stops,) [GeV] are T_start and the temperatures where a solve lands and records, falling, `z_stops` their
    z, and `freeze_out` the index of that where sphalerons freeze out, or None.  `occupation` (n_modes,) is f_eq at
    T_start, `equilibrium` (n_stops,) the yield of one helicity, `baryons` (3,) n_B/n_Delta_a at the freeze-out.
    """

    tables: Tables
    stops: np.ndarray
    z_stops: np.ndarray
    freeze_out: int | None
    occupation: np.ndarray
    equilibrium: np.ndarray
    entropy_at_start: float
    baryons: np.ndarray


@kept(64)
def averages_of(settings, mass, temperatures, rates=rates_without_factors):
    """`AveragedRates` at a tuple of temperatures [GeV]."""
    return averaged_rates(rates(settings, mass), mass, np.array(temperatures), settings["boltzmann_factor"])


@kept(KEPT)
def tables_of(settings, mass, grid, rates=rates_without_factors):
    """`Tables` of a mass [GeV] and a momentum grid; `rates(settings, mass)` is what they are tables of."""
    averaged = grid.kind == "averaged"
    table = build_rate_table(
        rates(settings, mass), expansion_of(settings), mass, temperatures_of(settings), grid.nodes, grid.weights,
        averaged, settings["boltzmann_factor"],
    )  # fmt: skip
    omega, first_cold = susceptibility_cells(settings)
    return Tables(table, omega, first_cold, lanes.side_by_side(table.cells, omega) if averaged else None)


def equilibrium_of_modes(grid, universe, t_start, mass, temperature):
    """f_eq per mode, last; the averaged mode carries the density of one helicity state, h_0 n_eq/s."""
    momenta = redshifted(grid.nodes, temperature, t_start, universe)
    occupation = equilibrium_occupation(mass / np.asarray(temperature)[..., np.newaxis], momenta)
    return (occupation @ grid.weights)[..., np.newaxis] if grid.kind == "averaged" else occupation


@kept(KEPT)
def shared_by(settings, mass, grid, temperatures, rates=rates_without_factors):
    """`Shared` of a mass [GeV], a momentum grid and a tuple of output temperatures [GeV]."""
    tables = tables_of(settings, mass, grid, rates)
    universe, t_start, t_end = expansion_of(settings), settings["T_start"], settings["T_end"]
    # The stops are part of the problem: the solver lands on each exactly, whatever is paused where.
    t_sphaleron = settings["T_sphaleron"]
    stops = {t_start, t_end, *(t for t in (*temperatures, t_sphaleron) if t_end <= t <= t_start)}
    stops = np.array(sorted(stops, reverse=True))
    occupation, entropy = equilibrium_of_modes(grid, universe, t_start, mass, stops), universe.entropy_over_t3(t_start)
    return Shared(
        tables,
        stops,
        np.log(t_start / stops),
        next(iter(np.flatnonzero(stops == t_sphaleron)), None),
        occupation[0],
        np.array([weighted_sum(tables.rates.weights, row) for row in occupation]) / entropy,
        entropy,
        _baryons_per_charge(settings),
    )


@kept(KEPT)
def susceptibility_cells(settings):
    """`omega` and `first_cold` of `Tables`."""
    universe, temperature = expansion_of(settings), temperatures_of(settings)
    first_cold = int(np.sum(temperature > settings["T_sphaleron"]))
    cells = []
    for t, sphalerons in ((temperature[: first_cold + 1], True), (temperature[first_cold:], False)):
        if len(t) < 2:
            continue
        if settings["susceptibilities"] == "constant":
            omega = np.tile(constant_susceptibilities.inverse_susceptibility(), (len(t), 1, 1))
        else:
            omega = charge_susceptibilities.inverse_susceptibility(t, sphalerons, **_bath(settings))
        stretch = universe.entropy_over_t3(t) / universe.entropy_over_t3(temperature[0])
        cells.append(np.moveaxis(CubicSpline(-np.log(t), omega * stretch[:, np.newaxis, np.newaxis]).c, 0, 1))
    return np.ascontiguousarray(np.concatenate(cells)), first_cold


@kept(KEPT)
def _baryons_per_charge(settings):
    """n_B/n_Delta_a (3,) when sphalerons freeze out."""
    freeze_out = settings["T_sphaleron"]
    if settings["susceptibilities"] != "constant":
        return charge_susceptibilities.baryons_per_charge(freeze_out, **_bath(settings))
    vev_squared = higgs_expectation_value(freeze_out, settings["crossover"]) ** 2 / 2
    return np.full(3, constant_susceptibilities.baryons_per_lepton_asymmetry(freeze_out, vev_squared))


def _bath(settings):
    """What `charge_susceptibilities` are asked for."""
    interacting = settings["susceptibilities"] == "interacting_quarks"
    return {"crossover": settings["crossover"], "symmetric_quarks": "interacting" if interacting else "ideal"}


def temperatures_of(settings):
    """Those of the nodes of all tables [GeV], falling."""
    return table_temperatures(settings["T_start"], settings["T_end"], settings["T_sphaleron"])


def expansion_of(settings):
    return Expansion(settings["expansion"], settings["equation_of_state"])
