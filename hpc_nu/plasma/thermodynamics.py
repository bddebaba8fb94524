"""Energy, pressure, entropy and expansion rate of the Standard Model bath, 0.1 MeV to 10^6 GeV.

    s = (2 pi^2/45) g_s T^3,    e = (pi^2/30) g_rho T^4,    H = (8 pi e/3)^(1/2)/M_Pl.

Published equations of state fit g_rho and g_s separately, so that de = T ds holds only to the accuracy of the fits
(2.4 % at 0.15 GeV).  Here the fit of g_s is taken at its word, and the energy density follows from it:

    above 5 MeV       de = T ds,
    below 2 MeV       de = T ds (de/ds)_fit/T: the neutrinos have a temperature of their own, de = T ds does not hold
                      for the sum of all species, and the fit of g_rho knows more than that of g_s,
    everywhere        p = s de/ds - e, the conservation of energy, which above 5 MeV is p = T s - e.

Between 2 and 5 MeV de/ds goes smoothly from one to the other.  Against the fitted g_rho this moves e by less than
1.7 %, H by less than 0.9 %, both at 0.16 GeV.  `saikawa_shirai_separate` has both fits as published.

Sources: [SS] Saikawa and Shirai, arXiv:1803.01038, fitting functions of appendix C; [WB] Borsanyi et al.,
arXiv:1606.07494, table S2; [HotQCD] Bazavov et al., arXiv:1407.6387, parametrisation of the pressure.
The published equations of state differ by 3-9 % in g (15 % at 0.2 GeV): that is what they are known to.
Where the name of an equation of state is asked for, the path of a file of the user's own does as well
(`hpc_nu.plasma.user_equation_of_state`).
Not covered: energy of sterile species, lepton asymmetries large enough to matter for H.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from hpc_nu.plasma import hotqcd
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.temperature_range import checked_temperature
from hpc_nu.plasma.user_equation_of_state import user_equations_of_state
from hpc_nu.units import PLANCK_MASS

EQUATIONS_OF_STATE = {
    "saikawa_shirai": "g_s of arXiv:1803.01038, e from it by de = T ds",
    "saikawa_shirai_separate": "g_s and g_rho of arXiv:1803.01038 as fitted",
    "borsanyi": "g_s of arXiv:1606.07494 (1 MeV to 280 GeV; outside saikawa_shirai), e by de = T ds",
    "hotqcd": "quarks and gluons of arXiv:1407.6387 between 0.13 and 0.4 GeV, elsewhere saikawa_shirai",
}

TEMPERATURE_RANGE = (1e-4, 1e6)
"""[GeV]"""

_DECOUPLING = (2e-3, 5e-3)
"""Below the first, neutrinos are on their own; above the second they have the temperature of the bath [GeV]."""

_NODE_SPACING = 0.005  # in ln T: the splines are exact to 1e-6 even at the kinks of the joined fits

# ------------------------------------------------------------------------------------------- [SS], above 120 MeV
# g_rho = sum a_i t^i / sum b_i t^i,  g_s = g_rho/(1 + sum c_i t^i / sum d_i t^i),  t = ln(T/GeV)

_A = (
    1,
    1.11724,
    3.12672e-1,
    -4.68049e-2,
    -2.65004e-2,
    -1.19760e-3,
    1.82812e-4,
    1.36436e-4,
    8.55051e-5,
    1.22840e-5,
    3.82259e-7,
    -6.87035e-9,
)
_B = (
    1.43382e-2,
    1.37559e-2,
    2.92108e-3,
    -5.38533e-4,
    -1.62496e-4,
    -2.87906e-5,
    -3.84278e-6,
    2.78776e-6,
    7.40342e-7,
    1.17210e-7,
    3.72499e-9,
    -6.74107e-11,
)
_C = (
    1,
    6.07869e-1,
    -1.54485e-1,
    -2.24034e-1,
    -2.82147e-2,
    2.90620e-2,
    6.86778e-3,
    -1.00005e-3,
    -1.69104e-4,
    1.06301e-5,
    1.69528e-6,
    -9.33311e-8,
)
_D = (
    7.07388e1,
    9.18011e1,
    3.31892e1,
    -1.39779,
    -1.52558,
    -1.97857e-2,
    -1.60146e-1,
    8.22615e-5,
    2.02651e-2,
    -1.82134e-5,
    7.83943e-5,
    7.13518e-5,
)

# ------------------------------------------------------------------------------------------- [SS], below 120 MeV
# A species of mass m carries a fraction e^(-c_0 x) (1 + c_1 x + c_2 x^2 + c_3 x^3), x = m/T, of its massless share.

_FERMION_ENERGY = (1.04855, 1.03757, 0.508630, 0.0893988)
_BOSON_ENERGY = (1.03149, 1.03317, 0.398264, 0.0648056)
_FERMION_ENTROPY = (1.04190, 1.03400, 0.456426, 0.0595248)
_BOSON_ENTROPY = (1.03365, 1.03397, 0.342548, 0.0506182)
_ELECTRON, _MUON = 511e-6, 0.1056
_HADRON_MASSES = np.array([0.135, 0.140, 0.5, 0.77, 1.2, 2.0])  # pi0, pi+-, and four effective resonances
_HADRON_ENERGY = np.array([1.05, 2.08, 4.165, 30.55, 89.4, 8209.0])
_HADRON_ENTROPY = np.array([1.034, 2.068, 4.16, 30.55, 90.0, 6209.0])

_SS_JOIN = (0.105, 0.135)
"""Here the two ranges of [SS] are joined smoothly; the paper switches at 0.12 [GeV]."""

# ---------------------------------------------------------------------------------------------------- [WB] and [HotQCD]

_WB_LOG10_MEV = (0, 0.5, 1, 1.25, 1.6, 2, 2.15, 2.2, 2.4, 2.5, 3, 4, 4.3, 4.6, 5, 5.45)
_WB_ENERGY = (
    10.71,
    10.74,
    10.76,
    11.09,
    13.68,
    17.61,
    24.07,
    29.84,
    47.83,
    53.04,
    73.48,
    83.10,
    85.56,
    91.97,
    102.17,
    104.98,
)
_WB_ENERGY_OVER_ENTROPY = (
    1.00228,
    1.00029,
    1.00048,
    1.00505,
    1.02159,
    1.02324,
    1.05423,
    1.07578,
    1.06118,
    1.04690,
    1.01778,
    1.00123,
    1.00389,
    1.00887,
    1.00750,
    1.00023,
)

_HOTQCD_WINDOW = ((0.13, 0.15), (0.25, 0.40))
"""Entered and left smoothly within these temperatures [GeV]; seen in c_s^2 as +-0.01."""


def smoothstep(x, start, stop):
    """0 for x <= start, 1 for x >= stop > start, x^2 (3 - 2x) between."""
    x = np.clip((x - start) / (stop - start), 0, 1)
    return x**2 * (3 - 2 * x)


def _mass_factor(coefficients, mass, temperature):
    c0, *polynomial = coefficients
    x = np.asarray(mass / temperature)
    return np.exp(-c0 * x) * np.polynomial.polynomial.polyval(x, [1.0, *polynomial])


def _saikawa_shirai_leptons(temperature):
    """(g_rho, g_s) of photons, neutrinos, e and mu: first terms of [SS] below 120 MeV."""
    transferred = 1 + 1.75 * _mass_factor(_FERMION_ENTROPY, _ELECTRON, temperature)
    energy = 2.030 + 1.353 * transferred ** (4 / 3)
    entropy = 2.008 + 1.923 * transferred  # to the first power: entropy goes with T^3
    for mass, e_share, s_share in ((_ELECTRON, 3.495, 3.442), (_MUON, 3.446, 3.468)):
        energy = energy + e_share * _mass_factor(_FERMION_ENERGY, mass, temperature)
        entropy = entropy + s_share * _mass_factor(_FERMION_ENTROPY, mass, temperature)
    return energy, entropy


def _saikawa_shirai(temperature):
    """(g_rho, g_s) as fitted by [SS]; `temperature` (n,) [GeV]."""
    energy, entropy = _saikawa_shirai_leptons(temperature)
    t = temperature[:, None]
    energy = energy + _mass_factor(_BOSON_ENERGY, _HADRON_MASSES, t) @ _HADRON_ENERGY
    entropy = entropy + _mass_factor(_BOSON_ENTROPY, _HADRON_MASSES, t) @ _HADRON_ENTROPY

    log_t = np.log(np.maximum(temperature, _SS_JOIN[0]))
    a, b, c, d = (np.polynomial.polynomial.polyval(log_t, x) for x in (_A, _B, _C, _D))
    above = smoothstep(np.log(temperature), *np.log(_SS_JOIN))
    return (1 - above) * energy + above * a / b, (1 - above) * entropy + above * a / b / (1 + c / d)


def _borsanyi(temperature):
    """(g_rho, g_s) of [WB], `_continued` beyond the ends of its table, where the ratios to [SS] are 1.013 and 1.011.

    The table is coarse: c_s^2 of its spline wiggles by 3 %.  "Not-a-knot" splines overshoot at 280 GeV, to 0.339.
    """
    return _continued(_WB_LOG10_MEV, _WB_ENERGY, _WB_ENERGY_OVER_ENTROPY, temperature)


def _user(path):
    """(g_rho, g_s) of a file, likewise, as a function of temperature."""
    try:
        table = user_equations_of_state[path]
    except ValueError as error:
        names = ", ".join(EQUATIONS_OF_STATE)
        raise ValueError(f"equation_of_state = {path!r}: expected one of {names}, or a file; {error}") from None
    log10_mev = np.log10(table.temperature) + 3
    return lambda temperature: _continued(log10_mev, table.g_rho, table.g_rho / table.g_s, temperature)


def _continued(log10_mev, energy, energy_over_entropy, temperature):
    """(g_rho, g_s) of a table, natural cubic splines in log T.

    Beyond its ends: those of [SS], times a ratio that goes within a decade from its value and slope at the end to 1.
    """
    splines = (CubicSpline(log10_mev, y, bc_type="natural") for y in (energy, energy_over_entropy))
    g_rho, g_rho_over_g_s = splines

    def ratio_to_saikawa_shirai(log_t):
        table = np.array([g_rho(log_t), g_rho(log_t) / g_rho_over_g_s(log_t)])
        return table / _saikawa_shirai(10.0 ** (log_t - 3))

    log_t = np.log10(temperature) + 3
    nearest = np.clip(log_t, log10_mev[0], log10_mev[-1])
    beyond = log_t - nearest
    inward = np.where(beyond > 0, -1e-4, 1e-4)
    ratio = ratio_to_saikawa_shirai(nearest)
    slope = (ratio_to_saikawa_shirai(nearest + inward) - ratio) / inward
    excess = (ratio - 1 + slope * beyond) * (1 - smoothstep(np.abs(beyond), 0, 1))
    return tuple(_saikawa_shirai(temperature) * (1 + excess))


def _hotqcd(temperature):
    """(g_rho, g_s) of [SS] with, in the window, the g_s of leptons and photons [SS], [HotQCD], and free tau and charm.

    The charm quark is no part of [HotQCD]'s pressure, but of both ends of the window (1 % of g_s at 0.4 GeV).
    """
    energy, entropy = _saikawa_shirai(temperature)
    (a, b), (c, d) = np.log(_HOTQCD_WINDOW)
    log_t = np.log(temperature)
    weight = smoothstep(log_t, a, b) * (1 - smoothstep(log_t, c, d))
    window = weight > 0
    t = temperature[window]
    inside = _saikawa_shirai_leptons(t)[1] + 45 / (2 * np.pi**2) * hotqcd.entropy_over_t3(t / hotqcd.CROSSOVER)
    inside = inside + 3.5 * _mass_factor(_FERMION_ENTROPY, sm.CHARGED_LEPTON_MASSES[2], t)
    inside = inside + 10.5 * _mass_factor(_FERMION_ENTROPY, sm.UP_QUARK_MASSES[1], t)
    entropy[window] += weight[window] * (inside - entropy[window])
    return energy, entropy


class _State(NamedTuple):
    """Splines in ln T of g_rho, g_s and their derivatives by ln T."""

    g_rho: CubicSpline
    g_rho_slope: CubicSpline
    g_s: CubicSpline
    g_s_slope: CubicSpline


_FITS = {
    "saikawa_shirai": _saikawa_shirai,
    "saikawa_shirai_separate": _saikawa_shirai,
    "borsanyi": _borsanyi,
    "hotqcd": _hotqcd,
}


@lru_cache(maxsize=16)
def _state(equation_of_state):
    """Tabulate an equation of state, with the energy that belongs to the entropy."""
    fit = _FITS.get(equation_of_state) or _user(equation_of_state)
    start, stop = np.log(TEMPERATURE_RANGE)
    log_t = np.linspace(start, stop, int(np.ceil((stop - start) / _NODE_SPACING)) + 1)
    fitted_g_rho, fitted_g_s = fit(np.exp(log_t))
    g_rho, g_s = CubicSpline(log_t, fitted_g_rho), CubicSpline(log_t, fitted_g_s)
    if equation_of_state in _FITS and equation_of_state != "saikawa_shirai_separate":
        g_rho = CubicSpline(log_t, _integrated_energy(log_t, g_rho, g_s))
    return _State(g_rho, g_rho.derivative(), g_s, g_s.derivative())


def _integrated_energy(log_t, g_rho, g_s):
    """g_rho at the nodes `log_t` from de = (de/ds) ds; see the head of this module for de/ds."""
    x, w = np.polynomial.legendre.leggauss(4)
    width = log_t[1] - log_t[0]
    middle = log_t[:-1, None] + width / 2 * (1 + x)
    heat = 4 / 3 * (3 * g_s(middle) + g_s(middle, 1))  # T ds/dlnT, in pi^2/30 T^4
    fitted = 4 * g_rho(middle) + g_rho(middle, 1)  # de/dlnT of the fit, likewise
    coupled = smoothstep(middle, *np.log(_DECOUPLING))
    growth = (coupled * heat + (1 - coupled) * fitted) * np.exp(4 * (middle - log_t[:-1, None]))
    energy = np.empty_like(log_t)
    energy[0] = g_rho(log_t[0])
    for i, gained in enumerate(growth @ w * width / 2):  # relative to T^4 at the start of each cell: no overflow
        energy[i + 1] = (energy[i] + gained) * np.exp(-4 * width)
    return energy


_MOST_DEVIATION = 0.5
"""Of g_rho in a file from the one that belongs to its g_s.  Published fits have 2.4 %, radiation that is not part of
the bath adds to g_rho alone; beyond this the columns are something else."""

_MOST_SOUND_SPEED_SQUARED = 0.4
"""1/3 is that of radiation, which splines through few points overshoot by a little (0.339 of [WB])."""


def check_user_equation_of_state(path, lowest, highest):
    """Whether a file of the user's own covers temperatures [GeV], and is an equation of state at all.

    Raises
    ------
    ValueError
        If not, or if it cannot be read: file, value and what is accepted.
    """
    table = user_equations_of_state[path]
    low, high = table.temperature[[0, -1]]
    if lowest < low * (1 - 1e-12) or highest > high * (1 + 1e-12):
        raise ValueError(f"{path}: covers T = {low:g} ... {high:g} GeV, and {lowest:g} ... {highest:g} GeV are needed")
    t = np.exp(np.linspace(np.log(max(low, TEMPERATURE_RANGE[0])), np.log(min(high, TEMPERATURE_RANGE[1])), 4001))
    t = np.clip(t, *TEMPERATURE_RANGE)
    sound, g_s = sound_speed_squared(t, path), entropy_degrees_of_freedom(t, path)
    wrong = ~((sound > 0) & (sound < _MOST_SOUND_SPEED_SQUARED) & (g_s > 0))
    if np.any(wrong):
        where = int(np.argmax(wrong))
        raise ValueError(
            f"{path}: the spline of g_s has c_s^2 = {sound[where]:.3g} at T = {t[where]:.4g} GeV: expected points so"
            f" close and smooth that 0 < c_s^2 < {_MOST_SOUND_SPEED_SQUARED:g}"
        )
    inside = (table.temperature >= TEMPERATURE_RANGE[0]) & (table.temperature <= TEMPERATURE_RANGE[1])
    state, log_t = _state(path), np.linspace(*np.log(TEMPERATURE_RANGE), 4001)
    own = CubicSpline(log_t, _integrated_energy(log_t, state.g_rho, state.g_s))(np.log(table.temperature[inside]))
    deviation = np.abs(table.g_rho[inside] / own - 1)
    if np.any(deviation > _MOST_DEVIATION):
        where = int(np.argmax(deviation))
        raise ValueError(
            f"{path}: g_rho = {table.g_rho[inside][where]:g} at T = {table.temperature[inside][where]:g} GeV, where"
            f" g_s and de = T ds give {own[where]:.4g}: expected the same to {_MOST_DEVIATION:.0%}"
        )


def _log_temperature(temperature):
    return np.log(checked_temperature(temperature, TEMPERATURE_RANGE, "thermodynamics"))


def energy_degrees_of_freedom(temperature, equation_of_state="saikawa_shirai"):
    """g_rho(T); `temperature` float or array [GeV] in `TEMPERATURE_RANGE`, one of `EQUATIONS_OF_STATE` or a file.

    Raises
    ------
    ValueError
        For other temperatures, or a file that cannot be read.
    """
    return _state(equation_of_state).g_rho(_log_temperature(temperature))[()]


def entropy_degrees_of_freedom(temperature, equation_of_state="saikawa_shirai"):
    """g_s(T); arguments as `energy_degrees_of_freedom`."""
    return _state(equation_of_state).g_s(_log_temperature(temperature))[()]


def energy_density(temperature, equation_of_state="saikawa_shirai"):
    """e [GeV^4]; arguments as `energy_degrees_of_freedom`."""
    t = np.asarray(temperature, float)
    return np.pi**2 / 30 * energy_degrees_of_freedom(t, equation_of_state) * t**4


def entropy_density(temperature, equation_of_state="saikawa_shirai"):
    """s [GeV^3]; arguments as `energy_degrees_of_freedom`."""
    t = np.asarray(temperature, float)
    return 2 * np.pi**2 / 45 * entropy_degrees_of_freedom(t, equation_of_state) * t**3


def pressure(temperature, equation_of_state="saikawa_shirai"):
    """p = s de/ds - e [GeV^4], which is T s - e above 5 MeV; arguments as `energy_degrees_of_freedom`.

    For "saikawa_shirai_separate" de/ds is that of the two fits, and T s - e is not what is returned.
    """
    state, log_t = _state(equation_of_state), _log_temperature(temperature)
    g_rho, g_s = state.g_rho(log_t), state.g_s(log_t)
    energy_over_entropy_slope = (4 * g_rho + state.g_rho_slope(log_t)) / (3 * g_s + state.g_s_slope(log_t))
    return (np.pi**2 / 30 * (g_s * energy_over_entropy_slope - g_rho) * np.asarray(temperature, float) ** 4)[()]


def sound_speed_squared(temperature, equation_of_state="saikawa_shirai"):
    """c_s^2 = dlnT/dlns = 1/(3 + dln g_s/dlnT); arguments as `energy_degrees_of_freedom`.

    In equilibrium dp/de.  It is what cools the bath, dT/dt = -3 c_s^2 H T, also after neutrinos have decoupled.
    """
    state, log_t = _state(equation_of_state), _log_temperature(temperature)
    return (1 / (3 + state.g_s_slope(log_t) / state.g_s(log_t)))[()]


def hubble_rate(temperature, equation_of_state="saikawa_shirai"):
    """H = (8 pi e/3)^(1/2)/M_Pl [GeV]; arguments as `energy_degrees_of_freedom`."""
    return np.sqrt(8 * np.pi / 3 * energy_density(temperature, equation_of_state)) / PLANCK_MASS


def redshift_factor(temperature, reference_temperature, equation_of_state="saikawa_shirai"):
    """a(T_0)/a(T) = (T/T_0) (g_s(T)/g_s(T_0))^(1/3), from the conservation of entropy; dimensionless.

    A momentum k_0 at `reference_temperature` T_0 [GeV] is k_0 times this at `temperature` [GeV].
    """
    ratio = entropy_density(temperature, equation_of_state) / entropy_density(reference_temperature, equation_of_state)
    return np.cbrt(ratio)
