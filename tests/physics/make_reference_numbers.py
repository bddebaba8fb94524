"""Lepton asymmetries by `literal_lepton_asymmetry` with the thermal rates, written as reference numbers (JSON).

    python tests/physics/make_reference_numbers.py reference_numbers.json CACHE_FOLDER [POINT ...]

With names of points, these alone are renewed, the others kept.  Minutes for each mass.

Eqs. (2.2) of arXiv:2011.12637 at five points, to be compared with the model `lepton_asymmetry`: complex 2x2 matrices,
couplings of its own (v = 246.22 GeV/sqrt 2), Radau IIA of order 5 on the linear system, each step done twice.  Common
with the model are the inputs alone: `thermal_rates` with the fit of direct reactions, the equation of state
`saikawa_shirai`, the susceptibilities (splined at 0.002 in ln T), the oscillation data, T_sph = 131.7 GeV.  The
self-energy is tabulated anew for each mass, ln(Gamma_h/T) and b_h/T on 228 temperatures (0.95 to 166 GeV) x 56 k/T
(2e-3 to 80), bicubic; nothing of the package's own tables enters.
Start at 1e4 GeV from rho = 0, no asymmetry; full expansion; nodes are k/T there.

Per run: `Y_Delta_e, mu, tau`, their sum `Y_L`, `Y_N_2, 3` (mean of both helicities, diagonal of the density matrix in
the Majorana mass basis), `Y_N_eq`, `Y_Delta_N` = Tr(rho_N - rho_Nbar)/s, at 131.7, 50, 10 and 1 GeV.  `averaged` uses
96 mapped Gauss-Legendre nodes for the averages, `gauss_legendre_N` N of them with scale 3 as modes.  `change_with...`
are the largest changes of the three asymmetries in units of the largest one, at each temperature.

| source of error   | in units of the largest asymmetry                 | seen by |
|-------------------|---------------------------------------------------|----------------------------------------------|
| time stepping     | <= 1e-5, mostly 1e-6                              | 30 times the tolerance; LSODA at rtol 1e-9 |
| table in T        | at most 2e-5, which is 16 times the error         | every other temperature left out |
| table in k/T      | 1e-6 at 131.7 GeV, 9e-5 below: 16 times the error | every other k/T left out (M = 0.5, 1, 2) |
| interpolation     | rates 1e-4, at most 1.4e-3 (6-30 GeV)             | 60 random (T, k) in each of 7 ranges |
| averages          | 2e-6                                              | 192 nodes instead of 96 |
"""

import json
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from literal_lepton_asymmetry import VEV, FullExpansion, FullSusceptibility, LiteralEquations, casas_ibarra
from scipy.interpolate import RectBivariateSpline

from hpc_nu.plasma import active_neutrino
from hpc_nu.seesaw.oscillation_data import oscillation_data
from hpc_nu.seesaw.thermal_rates import thermal_rates

PI = np.pi
T_START = 1e4
STOPS = (131.7, 50.0, 10.0, 1.0)
TOLERANCE = 1e-6
AVERAGING_NODES = 96
DIRECT_REACTIONS = "fit_of_averages"

POINTS = {
    "freeze_in": {  # eq. (4.1) of arXiv:2011.12637
        "hierarchy": "normal", "oscillation_data": "nufit_3.2", "M": 2.0, "delta_M": 0.983e-11,
        "im_omega": -2.754e-3, "re_omega": 0.551 * PI, "delta": 0.993 * PI, "eta": 1.479 * PI,
    },
    "light": {
        "hierarchy": "normal", "oscillation_data": "nufit_4.0", "M": 0.5, "delta_M": 1e-13,
        "im_omega": 1.2, "re_omega": 0.3 * PI, "delta": 1.2 * PI, "eta": 0.4 * PI,
    },
    "inverted": {
        "hierarchy": "inverted", "oscillation_data": "nufit_4.0", "M": 1.0, "delta_M": 1.5e-12,
        "im_omega": -0.4, "re_omega": 0.8 * PI, "delta": 0.25 * PI, "eta": 1.7 * PI,
    },
    "inverted_large_im_omega": {
        "hierarchy": "inverted", "oscillation_data": "nufit_6.0", "M": 5.0, "delta_M": 1e-10,
        "im_omega": 2.5, "re_omega": 0.15 * PI, "delta": 1.6 * PI, "eta": 0.9 * PI,
    },
    "heavy": {
        "hierarchy": "normal", "oscillation_data": "nufit_4.0", "M": 10.0, "delta_M": 1e-9,
        "im_omega": -1.5, "re_omega": 0.45 * PI, "delta": 1.9 * PI, "eta": 0.2 * PI,
    },
}  # fmt: skip
RUNS = {name: ("averaged", 16) for name in POINTS} | {name: ("averaged", 16, 32) for name in ("freeze_in", "inverted")}


class SelfEnergyTable:
    """Stands in for `active_neutrino.self_energy` at one mass, 0.95 < T < 166 GeV (mixing has gone above).

    `thinned`: every other temperature, for an estimate of the error.
    """

    temperatures = np.concatenate(
        [
            np.geomspace(0.95, 3.5, 53)[:-1],
            np.geomspace(3.5, 6.0, 25)[:-1],
            np.geomspace(6.0, 110.0, 110)[:-1],
            np.geomspace(110.0, 166.0, 46),
        ]
    )
    momenta = np.geomspace(2e-3, 80.0, 56)  # k/T

    def __init__(self, mass, cache, thinned=False):
        self.mass = mass
        path = Path(cache) / f"self_energy_{mass:g}.npz"
        if not path.exists():
            t = self.temperatures
            pairs = [active_neutrino.self_energy(self.momenta * one, mass, one) for one in t]
            width, potential = (np.array([pair[i] for pair in pairs]) for i in (0, 1))
            np.savez(path, width=width, potential=potential)
        with np.load(path) as data:
            over_t = self.temperatures[:, np.newaxis, np.newaxis, np.newaxis]
            values = np.log(data["width"] / over_t), data["potential"] / over_t
        rows = slice(None, None, 2) if thinned else slice(None)
        axes = np.log(self.temperatures[rows]), np.log(self.momenta)
        self.splines = [
            [[RectBivariateSpline(*axes, value[rows, :, a, h]) for h in (0, 1)] for a in range(3)] for value in values
        ]

    def __call__(self, momentum, mass, temperature, crossover="leading_order", colour_factor=1.0):
        assert np.all(mass == self.mass) and crossover == "leading_order" and colour_factor == 1
        y = np.clip(momentum / temperature, self.momenta[0], self.momenta[-1])
        width, potential = (
            np.stack([np.stack([s.ev(np.log(temperature), np.log(y)) for s in pair], -1) for pair in kind], -2)
            for kind in self.splines
        )
        over_t = np.asarray(temperature)[..., np.newaxis, np.newaxis]
        return np.exp(width) * over_t, potential * over_t


def mapped_gauss_legendre(n, scale=3.0):
    t, w = np.polynomial.legendre.leggauss(n)
    q = scale * (1 + t) / (1 - t)
    return q, 2 * scale / (1 - t) ** 2 * w * q**2 / (2 * PI**2)


def point_yukawas(point):
    data = oscillation_data(point["oscillation_data"], point["hierarchy"])
    return casas_ibarra(data, point["M"], *(point[name] for name in ("delta", "eta", "re_omega", "im_omega")))


def equations(point, grid, table, susceptibility, expansion, averaging_nodes=AVERAGING_NODES):
    averaged = grid == "averaged"
    nodes, weights = mapped_gauss_legendre(averaging_nodes if averaged else grid)
    yukawas, rates = point_yukawas(point), partial(thermal_rates, self_energy=table, direct_reactions=DIRECT_REACTIONS)
    return LiteralEquations(
        yukawas, point["M"], point["delta_M"], rates, nodes, weights, averaged, expansion, susceptibility
    )


def as_lists(yields):
    flavours = yields["Y_Delta"]
    return {
        "Y_Delta_e": flavours[:, 0].tolist(),
        "Y_Delta_mu": flavours[:, 1].tolist(),
        "Y_Delta_tau": flavours[:, 2].tolist(),
        "Y_L": flavours.sum(axis=1).tolist(),
        "Y_N_2": yields["Y_N"][:, 0].tolist(),
        "Y_N_3": yields["Y_N"][:, 1].tolist(),
        "Y_N_eq": yields["Y_N_eq"].tolist(),
        "Y_Delta_N": yields["Y_Delta_N"].tolist(),
    }


def distance(one, other):
    """Largest difference of the three asymmetries in units of the largest, at each stop."""
    return (np.abs(one - other).max(axis=1) / np.abs(one).max(axis=1)).tolist()


def solve(point, grid, cache, susceptibility, expansion):
    table, thinned = SelfEnergyTable(point["M"], cache), SelfEnergyTable(point["M"], cache, thinned=True)
    begin = time.perf_counter()
    lit = equations(point, grid, table, susceptibility, expansion)
    best = lit.evolve(T_START, STOPS, rtol=TOLERANCE)
    out = as_lists(best) | {"steps": lit.n_steps, "seconds": round(time.perf_counter() - begin, 1)}

    def change(rtol, table=table, averaging_nodes=AVERAGING_NODES):
        other = equations(point, grid, table, susceptibility, expansion, averaging_nodes)
        return distance(best["Y_Delta"], other.evolve(T_START, STOPS, rtol=rtol)["Y_Delta"])

    out["change_with_30_times_the_tolerance"] = change(30 * TOLERANCE)
    out["change_with_half_the_temperatures_of_the_table"] = change(1e-5, thinned)
    if grid == "averaged":
        out["change_with_twice_the_averaging_nodes"] = change(1e-5, averaging_nodes=2 * AVERAGING_NODES)
    return out


def main(target, cache, *names):
    Path(cache).mkdir(parents=True, exist_ok=True)
    susceptibility, expansion = FullSusceptibility(0.9, 1.1 * T_START), FullExpansion(T_START)
    out = {
        "T_start": T_START,
        "temperatures": STOPS,
        "expansion": "full",
        "equation_of_state": "saikawa_shirai",
        "crossover": "leading_order",
        "susceptibility": "charge_susceptibilities.inverse_susceptibility, sphalerons above 131.7 GeV",
        "rates": "thermal_rates.thermal_rates",
        "direct_reactions": DIRECT_REACTIONS,
        "vev": VEV,
        "averaging_nodes": AVERAGING_NODES,
        "grids": "gauss_legendre, scale 3, nodes are k/T at T_start",
        "rtol": TOLERANCE,
        "points": json.loads(Path(target).read_text())["points"] if names else {},
    }
    for name in names or POINTS:
        point = POINTS[name]
        data = oscillation_data(point["oscillation_data"], point["hierarchy"])
        yukawas = point_yukawas(point)
        entry = {"point": point, "data": asdict(data)}
        entry["yukawas_real"], entry["yukawas_imag"] = yukawas.real.tolist(), yukawas.imag.tolist()
        out["points"][name] = entry
        for grid in RUNS[name]:
            label = grid if grid == "averaged" else f"gauss_legendre_{grid}"
            entry[label] = solve(point, grid, cache, susceptibility, expansion)
            print(name, label, json.dumps(entry[label], indent=1), flush=True)
            Path(target).write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
