#!/usr/bin/env python3
"""Write the spectrum of a task of `dodelson_widrow` or `relic_coupling` as CLASS reads it, and the input that it needs.

    export_class.py results.h5 --task N -o NAME

writes NAME.dat, two columns q and f_0(q) without any header, because CLASS reads numbers alone, and NAME.ini, the
lines for its input, headed by units and by what the table is.  q = p/T_ncdm; f_0 contains both helicities and
1/(2 pi)^3.  The campaign must ask for the spectrum: output: {momenta: {log: [1e-3, 30], points: 200}}.

The files are read back and integrated with the constants that CLASS works with, k_B, hbar, c, G and eV: they must give
the relic density and the mean momentum of the row to 1e-3.  A row of the set-up `paper` weighs with today's constants
what it has in particles, 0.32 % less than it says.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy import constants
from scipy.integrate import trapezoid
from scipy.interpolate import CubicSpline

from hpc_nu.analysis import ResultsError, read_results
from hpc_nu.models.kev_neutrinos.bath import omega_per_yield
from hpc_nu.models.kev_neutrinos.bounds import MOST_DARK_MATTER
from hpc_nu.models.kev_neutrinos.relic import MEAN_MOMENTUM_FERMI_DIRAC, OMEGA_PER_YIELD
from hpc_nu.units import DARK_MATTER_DENSITY, ENERGY_GEV

MODELS = ("dodelson_widrow", "relic_coupling", "relic_fold")
TOLERANCE = 1e-3

T_CMB = 2.7255
"""Of the photons today [K]: the default of CLASS, written to its input."""


def distribution(results, task):
    """q, f_0(q), T_ncdm/T_photon, m_4 [eV], Omega h^2 with today's constants and <q> of a row that is done.

    Raises
    ------
    ResultsError
        If it is not, or the file has no spectra.
    """
    row = results.select(task=task)
    status = row.points.status.values[0]
    if status != "done":
        raise ResultsError(f"{results.path}: task {task} is {status}: expected one that is done")
    q, f_s = row.spectra.f_s.momentum.values, row.spectra.f_s.values[0]
    settings = results.settings(row.points.variation.values[0])
    scalars = {name: float(column.values[0]) for name, column in row.scalars.items()}
    temperature = scalars["mean_momentum_today"] / scalars["mean_momentum"]
    mass = float(row.points.m_4.values[0]) / ENERGY_GEV["eV"]
    omega = scalars["Omega_h2"] * OMEGA_PER_YIELD / omega_per_yield(settings)
    return q, settings["g_dof"] * f_s / (2 * np.pi) ** 3, temperature, mass, omega, scalars["mean_momentum"]


def moments(q, f_0, temperature, mass):
    """Omega h^2 and <q> of a table as CLASS interprets it: a spline, constant below, exponential above.

    Parameters
    ----------
    q, f_0 : (n,) arrays
    temperature : float
        T_ncdm over that of the photons.
    mass : float [eV]
    """
    inside = CubicSpline(q, f_0)
    fine = np.geomspace(q[0], q[-1], 20_000)
    number, momentum = (trapezoid(fine**power * inside(fine), fine) for power in (2, 3))
    number += f_0[0] * q[0] ** 3 / 3
    momentum += f_0[0] * q[0] ** 4 / 4
    slope = max(0.0, -(f_0[-1] - f_0[-2]) / (q[-1] - q[-2]) / f_0[-1]) if f_0[-1] > 0 else 0.0
    if slope > 0:
        a, b = q[-1], 1 / slope
        number += f_0[-1] * b * (a**2 + 2 * a * b + 2 * b**2)
        momentum += f_0[-1] * b * (a**3 + 3 * a**2 * b + 6 * a * b**2 + 6 * b**3)
    # In SI units: m n over 3 (100 km/s/Mpc)^2/(8 pi G), n [1/m^3] of a table in units of T_ncdm.
    wave_number = constants.k * T_CMB * temperature / (constants.hbar * constants.c)
    density = mass * constants.eV / constants.c**2 * 4 * np.pi * number * wave_number**3
    critical = 3 * (1e5 / (1e6 * constants.parsec)) ** 2 / (8 * np.pi * constants.G)
    return density / critical, momentum / number


def ini_text(results, task, table, temperature, mass, omega, mean):
    attributes = results.attributes
    return f"""# Input lines for CLASS: sterile neutrinos of task {task} of {results.path}
# campaign {attributes["campaign"]}, model {attributes["model"]}, {attributes["reference"]}
# problem {attributes["problem_hash"]}
# {table}: column 1, q = p/T_ncdm (no unit); column 2, f_0(q) = g f_s/(2 pi)^3 (no unit), nu and antinu.
# <q> = {mean:.6g} ({mean / MEAN_MOMENTUM_FERMI_DIRAC:.4f} of a Fermi-Dirac distribution), Omega h^2 = {omega:.6g}
T_cmb = {T_CMB}
N_ncdm = 1
use_ncdm_psd_files = 1
ncdm_psd_filenames = {table}
# mass [eV]
m_ncdm = {mass:.9g}
# temperature of the table over that of the photons: g_s today over g_s at 10 MeV, to the power 1/3
T_ncdm = {temperature:.9g}
# degeneracy: the table contains all states
deg_ncdm = 1
# omega_ncdm = Omega_ncdm h^2; CLASS rescales deg_ncdm to it.  Without this line it follows from the table.
omega_ncdm = {omega:.9g}
# the rest of dark matter, Omega h^2 = {DARK_MATTER_DENSITY:g} in all, is cold
omega_cdm = {max(0.0, DARK_MATTER_DENSITY - omega):.6g}
"""


def read_back(name):
    """Omega h^2 and <q> from the two files alone."""
    lines = dict(line.split(" = ") for line in Path(f"{name}.ini").read_text().splitlines() if line[0] != "#")
    q, f_0 = np.loadtxt(Path(f"{name}.ini").parent / lines["ncdm_psd_filenames"], unpack=True)
    omega, mean = moments(q, f_0, float(lines["T_ncdm"]), float(lines["m_ncdm"]))
    return omega * float(lines["deg_ncdm"]), mean


def export(results, task, name):
    """Write NAME.dat and NAME.ini of a row.

    Raises
    ------
    ResultsError
        If there is no such spectrum, or its momenta are too few or do not reach far enough.
    """
    q, f_0, temperature, mass, omega, mean = distribution(results, task)
    if omega > MOST_DARK_MATTER:
        raise ResultsError(
            f"{results.path}: task {task} has Omega h^2 = {omega:.4g}, more than all dark matter; expected at most"
            f" {MOST_DARK_MATTER:g}"
        )
    if q.size < 4 or not f_0[-1] > 0:
        raise ResultsError(f"{results.path}: expected a spectrum of at least 4 momenta, up to 100 at most")
    found, found_mean = moments(q, f_0, temperature, mass)
    if abs(found / omega - 1) > TOLERANCE or abs(found_mean / mean - 1) > TOLERANCE:
        raise ResultsError(
            f"{results.path}: on its {q.size} momenta {q[0]:g} ... {q[-1]:g} the spectrum of task {task} gives"
            f" Omega h^2 = {found:.5g} and <q> = {found_mean:.5g} instead of {omega:.5g} and {mean:.5g}; expected more,"
            " such as output: {momenta: {log: [1e-3, 30], points: 200}}"
        )
    table = Path(f"{name}.dat")
    np.savetxt(table, np.column_stack([q, f_0]), fmt="%.10e")
    Path(f"{name}.ini").write_text(ini_text(results, task, table.name, temperature, mass, omega, mean))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", metavar="FILE.h5")
    parser.add_argument("--task", type=int, required=True)
    parser.add_argument("-o", "--output", required=True, metavar="NAME", help="of NAME.dat and NAME.ini")
    options = parser.parse_args(arguments)
    try:
        results = read_results(options.file)
        if results.attributes["model"] not in MODELS:
            accepted = " or ".join(MODELS)
            raise ResultsError(f"{options.file}: is of model {results.attributes['model']}; expected {accepted}")
        export(results, options.task, options.output)
        omega, mean = read_back(options.output)
    except (ResultsError, OSError) as error:
        print(f"export_class: {error}", file=sys.stderr)
        return 2
    print(f"{options.output}.dat, {options.output}.ini: Omega h^2 = {omega:.6g}, <q> = {mean:.6g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
