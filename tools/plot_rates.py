#!/usr/bin/env python3
"""Draw the rates of heavy neutrinos in the Standard Model bath, and the self-energies they come from.

    plot_rates.py [--mass M] [--im-omega W] [--re-omega W] [--hierarchy normal|inverted] -o rates.png

Left: momentum-averaged eigenvalues of Gamma_N over the Hubble rate, drawn as figs. 1, 4 (top) and 13 of
arXiv:2011.12637, dashed without fermion-number violation (gamma_v = 0).  Right: width and potential of the active
electron neutrino at k = 3T (--momentum), both helicity components; dots on the axis mark the zeros of the potential,
and the dotted line the level crossing E = k + b_-.
"""

import argparse
import sys

import matplotlib

matplotlib.use("Agg")  # compute nodes have no display

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from hpc_nu.analysis import ResultsError, figures  # noqa: E402
from hpc_nu.plasma.active_neutrino import BLEND, self_energy  # noqa: E402
from hpc_nu.plasma.higgs import CROSSOVERS  # noqa: E402
from hpc_nu.plasma.thermodynamics import hubble_rate  # noqa: E402
from hpc_nu.seesaw.casas_ibarra import yukawa_couplings  # noqa: E402
from hpc_nu.seesaw.damping import damping_eigenvalues, equilibration_temperatures  # noqa: E402
from hpc_nu.seesaw.oscillation_data import FIT_NAMES, oscillation_data  # noqa: E402
from hpc_nu.seesaw.thermal_rates import momentum_average, thermal_rates  # noqa: E402

HELICITIES = ((r"$h=-1$ (near shell)", "tab:red"), (r"$h=+1$", "tab:blue"))
EIGENVALUES = (("smaller eigenvalue", "tab:blue"), ("larger eigenvalue", "tab:orange"))
T_MAX, T_MIN = 1e3, 1e-3
"""[GeV]"""
ZERO_STEPS = np.concatenate([1 + sign * np.geomspace(3e-4, 3e-2, 12) for sign in (-1, 1)])
"""Temperatures around a zero over that of the zero: a dip on a logarithmic axis needs more of them."""
POTENTIAL_MIN = 1e-14
"""Lower end of the axis of |b_h|/T; the dots sit there."""


def draw_equilibration(axes, arguments):
    """Gamma_N/H, with and without gamma_v, and where it crosses 1."""
    temperature = np.geomspace(T_MAX, T_MIN, int(arguments.points_per_decade * np.log10(T_MAX / T_MIN)) + 1)
    data = oscillation_data(arguments.neutrino_data, arguments.hierarchy)
    yukawas = yukawa_couplings(
        data, arguments.mass, arguments.delta, arguments.eta, arguments.re_omega, arguments.im_omega
    )

    def rates(t, k, m):
        return thermal_rates(t, k, m, crossover=arguments.crossover)

    averages = momentum_average(rates, temperature, arguments.mass, n_nodes=24)
    hubble = hubble_rate(temperature)[:, np.newaxis]
    full = damping_eigenvalues(averages.gamma_c, averages.gamma_v, yukawas) / hubble
    conserving = damping_eigenvalues(averages.gamma_c, 0.0, yukawas) / hubble
    for i, (label, color) in enumerate(EIGENVALUES):
        axes.loglog(temperature, full[:, i], color=color, label=label)
        axes.loglog(temperature, conserving[:, i], color=color, ls="--", lw=1, label=label + r", $\gamma_v=0$")
        found = equilibration_temperatures(temperature, full[:, i], arguments.mass)
        for name, value in found._asdict().items():
            if np.isfinite(value):
                axes.plot(value, 1.0, "o", color=color, ms=4)
                print(f"{label}: {name.replace('t_', 'T_')} = {value:.4g} GeV")
    axes.axhline(1.0, color="0.4", lw=1)
    axes.set_ylim(max(1e-6, conserving[conserving > 0].min()), 3 * full.max())
    figures.temperature_axis(axes, temperature)
    axes.set_ylabel(r"$\langle\Gamma_N\rangle/H$")
    axes.set_title(f"{parameters_text(arguments)}, {arguments.hierarchy} hierarchy", fontsize="medium")
    axes.legend(fontsize=8)


def parameters_text(arguments):
    """All that the rates depend on, in two lines; the mass splitting is none of it."""
    angles = {r"{\rm Re}\,\omega": arguments.re_omega, r"\delta": arguments.delta, r"\eta": arguments.eta}
    texts = [rf"${symbol} = {figures.number_text(value / np.pi, 10)}\,\pi$" for symbol, value in angles.items()]
    mass, im_omega = (figures.number_text(value, 10) for value in (arguments.mass, arguments.im_omega))
    return rf"$M = {mass}$ GeV, ${{\rm Im}}\,\omega = {im_omega}$," "\n" + ", ".join(texts)


def zeros(temperature, values):
    """Where `values` changes sign, linear in ln T between the points."""
    x = np.log(temperature)
    i = np.nonzero(np.sign(values[1:]) != np.sign(values[:-1]))[0]
    return np.exp(x[i] - values[i] * (x[i + 1] - x[i]) / (values[i + 1] - values[i]))


def draw_self_energy(width_axes, potential_axes, arguments):
    """Gamma_h/T and |b_h|/T of the electron flavour at fixed k/T."""
    temperature = np.geomspace(150.0, T_MIN, 160)
    _, potential = self_energy(arguments.momentum * temperature, arguments.mass, temperature, arguments.crossover)
    near = [zero * ZERO_STEPS for i in range(len(HELICITIES)) for zero in zeros(temperature, potential[:, 0, i])]
    temperature = np.sort(np.concatenate([temperature, *near]))[::-1]
    momentum = arguments.momentum * temperature
    width, potential = self_energy(momentum, arguments.mass, temperature, arguments.crossover)
    for i, (label, color) in enumerate(HELICITIES):
        width_axes.loglog(temperature, width[:, 0, i] / temperature, color=color, label=label)
        b = potential[:, 0, i]
        for sign, style, which in ((1, "-", "b > 0"), (-1, "--", "b < 0")):
            magnitude = np.where(sign * b > 0, np.abs(b), np.nan) / temperature
            potential_axes.loglog(temperature, magnitude, style, color=color, label=f"{label}, {which}")
        for zero in zeros(temperature, b):
            potential_axes.plot(zero, POTENTIAL_MIN, "o", color=color, ms=8, clip_on=False, zorder=5)
            potential_axes.axvline(zero, color=color, lw=0.8, alpha=0.4)
            print(f"potential, h = {'-+'[i]}1, k = {arguments.momentum:g} T: zero at T = {zero:.4g} GeV")
    gap = arguments.mass**2 / (np.hypot(momentum, arguments.mass) + momentum)
    potential_axes.loglog(temperature, gap / temperature, color="0.5", lw=1, label="E - k")
    for crossing in zeros(temperature, potential[:, 0, 0] - gap):
        print(f"level crossing E = k + b_-, k = {arguments.momentum:g} T: T = {crossing:.4g} GeV")
        for axes in (width_axes, potential_axes):
            axes.axvline(crossing, color="k", ls=":", lw=1)
    for axes, name in ((width_axes, r"$\Gamma_h/T$"), (potential_axes, r"$|b_h|/T$")):
        axes.axvspan(*BLEND, color="0.9", zorder=0)
        figures.temperature_axis(axes, temperature)
        axes.set_ylabel(name)
        axes.legend(fontsize=8)
    width_axes.set_ylim(0.3 * (width[:, 0].min(axis=-1) / temperature).min(), 1)
    potential_axes.set_ylim(POTENTIAL_MIN, 1)
    width_axes.set_title(rf"$\nu_e$, k = {arguments.momentum:g} T (grey: Fermi theory to W, Z)")
    width_axes.set_xlabel("")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mass", type=float, default=1.0, help="M [GeV] (1)")
    parser.add_argument("--im-omega", type=float, default=0.002, help="(0.002, as in fig. 1)")
    parser.add_argument("--re-omega", type=float, default=0.5 * np.pi, help="[rad] (pi/2)")
    parser.add_argument("--delta", type=float, default=0.0, help="[rad] (0)")
    parser.add_argument("--eta", type=float, default=0.0, help="[rad] (0)")
    parser.add_argument("--hierarchy", choices=("normal", "inverted"), default="normal")
    parser.add_argument("--neutrino-data", choices=FIT_NAMES, default="nufit_3.2")
    parser.add_argument("--crossover", choices=tuple(CROSSOVERS), default="leading_order")
    parser.add_argument("--points-per-decade", type=int, default=15, help="temperatures of the left panel (15)")
    parser.add_argument("--momentum", type=float, default=3.0, help="k/T of the right panels (3)")
    parser.add_argument("-o", "--output", required=True, help="image to write")
    arguments = parser.parse_args()

    figure = plt.figure(figsize=(12, 7), layout="constrained")
    grid = figure.add_gridspec(2, 2)
    try:
        draw_equilibration(figure.add_subplot(grid[:, 0]), arguments)
        width_axes = figure.add_subplot(grid[0, 1])
        draw_self_energy(width_axes, figure.add_subplot(grid[1, 1], sharex=width_axes), arguments)
        figures.save(figure, arguments.output)
    except (ValueError, ResultsError) as error:
        print(f"plot_rates: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
