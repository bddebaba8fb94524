"""Asymmetric freeze-in: a scalar in equilibrium decays to a keV sterile neutrino, a little more often than to anti-N.

P. Zakeri, arXiv:2602.20570 [Zakeri]; equation numbers below are its numbers.  With x = m_phi/T and constant g_*,

    dY/dx = eps Gamma_phi n_eq x^-1/(s H),  n_eq = g_phi m_phi^2 T/(2 pi^2) K_2(x)                  (7), (8)
    Y(T)  = Y_inf [1 - x^3 K_3(x)/8]                                                the integral of (7)
    Y_inf = 90/(1.66 pi^4) g_phi/g_*^(3/2) M_Pl/m_phi^2 eps Gamma_phi                              (13)

so a point costs no integration.  With Bose-Einstein statistics for phi each of these becomes the sum over n of its
value at n x, times n^-5.  Energies in GeV; momenta q = p/T are constant in time as long as g_* is.

The equations are those of the paper.  Where they do not hold the observables say so and nothing is clipped:
`freeze_in_ok` and `Y_sym_over_equilibrium` (inverse decays are neglected), `Y_inf_time_dilated` (eq. (5) lets moving
scalars decay as fast as scalars at rest), `Omega_h2_symmetric` (what N and anti-N weigh if nothing removes the pairs),
`m_thermal_relic` (eq. (20) compares with a relic as hot as the photons, and the bound (22) is on relics of the density
of dark matter, which are much colder).

Not covered: inverse decays, running g_*, the later decay of chi, phi leaving equilibrium, and free streaming beyond
the momentum ratio of eq. (20).
"""

from functools import cache

import numpy as np
from scipy.special import factorial, kve, psi, zeta

from hpc_nu.interactions.scalar_mediator import coupling_of_width, decay_width, higgs_decay_closed
from hpc_nu.models.interface import Cost, Model, Observable, Outcome, Parameter, Setting
from hpc_nu.models.kev_neutrinos.relic import thermal_relic_mass
from hpc_nu.result_codes import ResultCode
from hpc_nu.units import DARK_MATTER_DENSITY, ENERGY_GEV, PLANCK_MASS

RELIC_DENSITY_PER_YIELD = 2.75e8
"""Omega h^2 = this * (m_N/GeV) * Y, eq. (14); 0.2 % more than with the constants of `relic`."""

HUBBLE_FACTOR = 1.66
"""H = 1.66 sqrt(g_*) T^2/M_Pl, eq. (9)."""

MEAN_MOMENTUM_FERMI_DIRAC = 3.15
"""<p/T> of a relativistic Fermi-Dirac distribution, eq. (21)."""

MEAN_MOMENTUM_DELTA = 0.5
"""<p/T> = m_phi/(2 T_prod) at T_prod = m_phi, eq. (17)."""

LYMAN_ALPHA_MASS = 5 * ENERGY_GEV["keV"]
"""Lower bound on the effective warm-dark-matter mass [GeV], eq. (22)."""

BBN_TEMPERATURE = 1 * ENERGY_GEV["MeV"]
"""Decays must be over above this temperature [GeV], sec. IV.4."""

RELIC_BAND = (0.11, 0.13)
"""Accepted Omega h^2, caption of fig. 4."""

TIME_DILATION = 3 * np.pi / 16
"""Yield with the width reduced by <m/E> = K_1/K_2 over the yield of (13): int x^3 K_1 / int x^3 K_2 = (3 pi/2)/8."""

STATISTICS = ("maxwell_boltzmann", "bose_einstein")

_SERIES_BELOW = 1.0  # x; the power series serves below, Bessel functions above
_SERIES_TERMS = 16  # the Bose-Einstein series converges like (x/2 pi)^(2 n), the other one much faster
_BOSE_TERMS = 40  # e^(-n) < 1e-17
_NOTHING_LEFT = 750.0  # e^-x is zero in double precision


def statistics_factor(statistics):
    """Yield relative to Maxwell-Boltzmann statistics: 1, or sum of n^-5 = zeta(5) = 1.0369."""
    return zeta(5.0) if statistics == "bose_einstein" else 1.0


@cache
def _series_coefficients(statistics):
    """Coefficients (a, b) of sum_j t^j [a_j + b_j ln(x/2)] with t = x^2/4, for the integral of (7) over Y_inf of (13).

    Maxwell-Boltzmann: the ascending series of K_3 (DLMF 10.31.1).  Bose-Einstein: the sum over n of n^-5 times that
    series at n x, by its Mellin transform 2^(s-2) Gamma(s/2+3) Gamma(s/2) zeta(s+5).  Powers of n turn into zeta
    functions, but for t^2, where the pole of zeta(1) makes a logarithm.  Adding up the terms n = 1, 2 ... instead
    takes 1/x of them.
    """
    a, b = np.zeros(_SERIES_TERMS + 3), np.zeros(_SERIES_TERMS + 3)
    k = np.arange(_SERIES_TERMS)
    weight = 1 / (factorial(k) * factorial(k + 3))
    offset = (psi(k + 1.0) + psi(k + 4.0)) / 2
    if statistics == "maxwell_boltzmann":
        a[1], a[2] = 1 / 2, -1 / 4
        a[3:], b[3:] = weight * offset, -weight
    else:
        even = 2.0 * (k + 1)
        zeta_odd = 2 * (-1.0) ** (k + 1) * (2 * np.pi) ** -even * factorial(even - 1) * zeta(even)  # zeta(-1 - 2k)
        slope = np.log(2 * np.pi) - psi(even) - _zeta_derivative(even) / zeta(even)  # zeta'/zeta at -1 - 2k
        a[1] = zeta(3.0) / 2
        a[2], b[2] = -3 / 16, 1 / 4
        a[3:], b[3:] = weight * zeta_odd * (offset + slope), -weight * zeta_odd
    return a, b


def _zeta_derivative(s, n_direct=1000):
    """zeta'(s) = -sum ln n/n^s for s >= 2: `n_direct` terms, then Euler-Maclaurin (next term below 1e-15)."""
    n = np.arange(2, n_direct)[:, None]
    end = float(n_direct)
    log = np.log(end)
    tail = (log + 1 / (s - 1)) * end / (s - 1) + log / 2 + (s * log - 1) / (12 * end)
    return -(np.log(n) * n**-s).sum(axis=0) - tail * end**-s


def _x3_bessel(order, x):
    """x^3 K_order(x) for x >= 1, zero once e^-x is."""
    x = np.minimum(x, _NOTHING_LEFT)  # x = inf (T = 0) would give inf * 0
    return x**3 * kve(order, x) * np.exp(-x)


def produced_fraction(x, statistics="maxwell_boltzmann"):
    """Part of the final yield that is there at x = m_phi/T: Y(T)/Y_inf, the integral of eq. (7).

    1 - x^3 K_3(x)/8 with Maxwell-Boltzmann statistics.  Below x = 1, where that cancels, its power series: the
    relative error is below 1e-13 for all x.

    Parameters
    ----------
    x : float or array
        m_phi/T, 0 and infinity included.
    statistics : str
        One of `STATISTICS`.

    Returns
    -------
    array of the shape of x, from 0 to 1
    """
    x = np.asarray(x, dtype=float)
    return np.where(x < _SERIES_BELOW, _fraction_early(x, statistics), _fraction_late(x, statistics))


def production_per_x(x, statistics="maxwell_boltzmann"):
    """d(Y/Y_inf)/dx: x^3 K_2(x)/8, the integrand of eq. (12), normalised; shapes as in `produced_fraction`."""
    x = np.asarray(x, dtype=float)
    return np.where(x < _SERIES_BELOW, _slope_early(x, statistics), _slope_late(x, statistics))


def _fraction_early(x, statistics):
    a, b = _series_coefficients(statistics)
    x = np.minimum(x, _SERIES_BELOW)
    t, log = x**2 / 4, np.log(np.maximum(x, 1e-300) / 2)
    return (_polynomial(t, a) + log * _polynomial(t, b)) / statistics_factor(statistics)


def _slope_early(x, statistics):
    a, b = _series_coefficients(statistics)
    j = np.arange(len(a))
    x = np.minimum(x, _SERIES_BELOW)
    t, log = x**2 / 4, np.log(np.maximum(x, 1e-300) / 2)
    # d/dx of t^j is (x/2) j t^(j-1), of ln(x/2) it is (x/2)/(2t): so every power of t falls by one.
    plain, with_log = (2 * j * a + b)[1:] / 2, (j * b)[1:]
    return x / 2 * (_polynomial(t, plain) + log * _polynomial(t, with_log)) / statistics_factor(statistics)


def _polynomial(t, coefficients):
    return np.polynomial.polynomial.polyval(t, coefficients)


def _fraction_late(x, statistics):
    x = np.maximum(x, _SERIES_BELOW)
    left = _x3_bessel(3, x)
    if statistics == "bose_einstein":
        left = sum(n**-5.0 * _x3_bessel(3, n * x) for n in range(1, _BOSE_TERMS + 1))
    return 1 - left / (8 * statistics_factor(statistics))


def _slope_late(x, statistics):
    x = np.maximum(x, _SERIES_BELOW)
    rate = _x3_bessel(2, x)
    if statistics == "bose_einstein":
        rate = sum(n**-4.0 * _x3_bessel(2, n * x) for n in range(1, _BOSE_TERMS + 1))
    return rate / (8 * statistics_factor(statistics))


def hubble_rate(temperature, g_star):
    """H [GeV] at T [GeV], eq. (9)."""
    return HUBBLE_FACTOR * g_star**0.5 * temperature**2 / PLANCK_MASS


def final_yield(width, m_phi, epsilon, g_star=106.75, g_phi=1.0, statistics="maxwell_boltzmann"):
    """Asymmetry yield (n_N - n_Nbar)/s after freeze-in, eq. (13).

    Parameters
    ----------
    width, m_phi : float or array [GeV]
    epsilon : float or array
        CP asymmetry of the decay, eq. (3).

    Returns
    -------
    float or array, broadcast over the arguments
    """
    maxwell_boltzmann = 90 / (HUBBLE_FACTOR * np.pi**4) * g_phi / g_star**1.5 * PLANCK_MASS / m_phi**2 * epsilon * width
    return maxwell_boltzmann * statistics_factor(statistics)


def relic_density(m_n, asymmetry):
    """Omega h^2 of a mass [GeV] and a yield, eq. (14)."""
    return RELIC_DENSITY_PER_YIELD * m_n * asymmetry


def decay_temperature(width, g_star):
    """T [GeV] at which Gamma_phi = H, eq. (24) with its rounded 0.78."""
    return 0.78 * g_star**-0.25 * (width * PLANCK_MASS) ** 0.5


def equilibrium_yield(states, g_star):
    """Massless fermions in `states` spin and charge states per entropy of eq. (6)."""
    return states * 0.75 * zeta(3.0) / np.pi**2 * 45 / (2 * np.pi**2 * g_star)


def mean_momentum(statistics):
    """<p/T> of `decay_spectrum`: 5/2, or (5/2) zeta(6)/zeta(5) = 2.4528."""
    return 2.5 * (zeta(6.0) / zeta(5.0) if statistics == "bose_einstein" else 1.0)


def mean_momentum_delta_history(statistics):
    """<p/T> of `delta_spectrum`: 15 pi/32 = 1.4726, times zeta(6)/zeta(5) for bosons."""
    return 15 * np.pi / 32 * mean_momentum(statistics) / 2.5


def decay_spectrum(momenta, statistics="maxwell_boltzmann"):
    """Momentum distribution (1/n) dn/dq of the daughters of thermal two-body decays, no inverse decays.

    The collision term is p^-2 int dE f_phi(E) over E > p + m_phi^2/(4p); its integral over time at constant g_* gives
    f_N ~ q^-1/2 e^-q for Maxwell-Boltzmann and q^-1/2 sum_n n^-5/2 e^-nq for Bose-Einstein scalars (as in
    arXiv:1306.3996 for scalars in equilibrium).  Time dilation is in it.

    Parameters
    ----------
    momenta : (n,) array
        q = p/T.

    Returns
    -------
    (n,) array
    """
    q = np.asarray(momenta, dtype=float)
    gamma_5_2 = 0.75 * np.pi**0.5
    if statistics == "bose_einstein":
        return q**1.5 * _polylog_5_2(q) / (gamma_5_2 * zeta(5.0))
    return q**1.5 * np.exp(-q) / gamma_5_2


def _polylog_5_2(q):
    """Li_5/2(e^-q) for q >= 0; the sum over n needs 1/q terms at small q, the expansion about q = 0 does not."""
    k = np.arange(2 * _SERIES_TERMS)
    low, high = np.minimum(q, 1.0), np.maximum(q, 1.0)
    gamma_minus_3_2 = 4 * np.pi**0.5 / 3
    near = gamma_minus_3_2 * low**1.5 + _polynomial(low, (-1.0) ** k * zeta(2.5 - k) / factorial(k))
    far = sum(n**-2.5 * np.exp(-n * high) for n in range(1, _BOSE_TERMS + 1))
    return np.where(q < 1.0, near, far)


def delta_spectrum(momenta, statistics="maxwell_boltzmann"):
    """(1/n) dn/dq if every decay gave p = m_phi/2 exactly, eq. (16), over the whole history of production.

    What is made at x = m_phi/T sits at q = x/2 ever after, so the delta functions add up to 2 d(Y/Y_inf)/dx at
    x = 2q: 2 q^3 K_2(2q).  Its mean is 15 pi/32; eq. (17) keeps x = 1 alone and gets 1/2.

    Parameters, returns : as for `decay_spectrum`.
    """
    return 2 * production_per_x(2 * np.asarray(momenta, dtype=float), statistics)


def point_observables(m_n, m_phi, mu, epsilon, settings):
    """All scalar observables; arguments may be arrays that broadcast (a whole plane at once).

    Parameters
    ----------
    m_n, m_phi : float or array [GeV]
    mu, epsilon : float or array
    settings : mapping
        Every setting of `AsymmetricFreezeIn`.

    Returns
    -------
    dict of str to float or array; flags are 1.0 or 0.0
    """
    g_star, statistics = settings["g_star"], settings["phi_statistics"]
    width = decay_width(mu, m_phi, settings["width_factor"])
    hubble = hubble_rate(m_phi, g_star)
    symmetric = final_yield(width, m_phi, 1.0, g_star, settings["g_phi"], statistics)  # eq. (5) without eps
    asymmetry = epsilon * symmetric
    omega = relic_density(m_n, asymmetry)
    t_decay = decay_temperature(width, g_star)

    true = mean_momentum(statistics)
    today = true * (settings["g_star_today_s"] / g_star) ** (1 / 3)
    m_thermal = thermal_relic_mass(today, m_n)
    m_delta, m_true, m_today = (m_n * MEAN_MOMENTUM_FERMI_DIRAC / q for q in (MEAN_MOMENTUM_DELTA, true, today))
    return {
        "Gamma_phi": width,
        "Y_inf": asymmetry,
        "Omega_h2": omega,
        "m_N_relic": DARK_MATTER_DENSITY / relic_density(1.0, asymmetry),
        "Y_inf_time_dilated": TIME_DILATION * asymmetry,
        "Gamma_over_H": width / hubble,
        "freeze_in_ok": 1.0 * (width < hubble),
        "mu_freeze_in": coupling_of_width(hubble, m_phi, settings["width_factor"]),
        "Y_sym": symmetric,
        "Y_sym_over_equilibrium": symmetric / equilibrium_yield(settings["sterile_states"], g_star),
        "Omega_h2_symmetric": relic_density(m_n, symmetric),
        "T_decay": t_decay,
        "mean_momentum_delta": MEAN_MOMENTUM_DELTA,
        "mean_momentum_delta_history": mean_momentum_delta_history(statistics),
        "mean_momentum_true": true,
        "mean_momentum_today": today,
        "m_WDM_delta": m_delta,
        "m_WDM_true": m_true,
        "m_WDM_today": m_today,
        "omega_in_band": 1.0 * ((omega >= RELIC_BAND[0]) & (omega <= RELIC_BAND[1])),
        "lyman_alpha_ok_delta": 1.0 * (m_delta >= LYMAN_ALPHA_MASS),
        "lyman_alpha_ok_true": 1.0 * (m_true >= LYMAN_ALPHA_MASS),
        "lyman_alpha_ok_today": 1.0 * (m_today >= LYMAN_ALPHA_MASS),
        "m_thermal_relic": m_thermal,
        "lyman_alpha_ok_thermal_relic": 1.0 * (m_thermal >= LYMAN_ALPHA_MASS),
        "m_N_above_5keV": 1.0 * (m_n >= LYMAN_ALPHA_MASS),
        "higgs_decay_closed": 1.0 * higgs_decay_closed(m_phi),
        "bbn_ok": 1.0 * (t_decay > BBN_TEMPERATURE),
    }


class AsymmetricFreezeIn(Model):
    """Freeze-in of a sterile-neutrino asymmetry from decays of a scalar in equilibrium, all in closed form."""

    name = "asymmetric_freeze_in"
    title = "asymmetric freeze-in of a Dirac sterile neutrino from scalar decays"
    reference = "arXiv:2602.20570"

    # m_N <= 1 GeV and m_phi >= 10 GeV keep the daughters massless to a per cent.
    parameters = (
        Parameter("m_N", "GeV", 0.0, 1.0, "mass of the sterile neutrino", "m_N", low_is_open=True),
        Parameter("m_phi", "GeV", 10.0, 1e12, "mass of the scalar mediator", "m_phi"),
        Parameter("mu", "1", 0.0, 1.0, "coupling of phi to chibar N, eq. (1)", "mu", low_is_open=True),
        Parameter("epsilon", "1", 0.0, 1.0, "CP asymmetry of the decay, eq. (3)", "epsilon", low_is_open=True),
    )
    settings = (
        Setting("g_star", 106.75, "relativistic degrees of freedom during production", low=1.0, high=1e4),
        Setting("g_phi", 1.0, "internal degrees of freedom of phi", low=1.0, high=1e3),
        Setting("width_factor", 8.0, "k in Gamma_phi = mu^2 m_phi/(k pi): 8 chiral, 4 Dirac, 16 one charge state",
                low=0.0, low_is_open=True),
        Setting("phi_statistics", "maxwell_boltzmann", "statistics of phi; eq. (8) is Maxwell-Boltzmann", STATISTICS),
        Setting("g_star_today_s", 3.91, "entropy degrees of freedom today, to dilute <p/T>", low=1.0, high=1e4),
        Setting("sterile_states", 2.0, "states of N and anti-N in equilibrium: 2 chiral coupling, 4 Dirac",
                low=1.0, high=4.0),
    )  # fmt: skip
    observables = (
        Observable("Gamma_phi", "GeV", "width of the scalar"),
        Observable("Y_inf", "1", "final asymmetry yield, eq. (13)"),
        Observable("Omega_h2", "1", "relic density Omega h^2, eq. (14)"),
        Observable("m_N_relic", "GeV", f"sterile-neutrino mass that gives Omega h^2 = {DARK_MATTER_DENSITY}"),
        Observable("Y_inf_time_dilated", "1", "final asymmetry yield with time-dilated decays (K_1 in place of K_2)"),
        Observable("Gamma_over_H", "1", "Gamma_phi/H at T = m_phi"),
        Observable("freeze_in_ok", "1", "1 where Gamma_phi < H(m_phi), so that inverse decays may be neglected"),
        Observable("mu_freeze_in", "1", "coupling at which Gamma_phi = H(m_phi)"),
        Observable("Y_sym", "1", "yield of N plus anti-N without inverse decays"),
        Observable("Y_sym_over_equilibrium", "1", "yield of N plus anti-N over its equilibrium value"),
        Observable("Omega_h2_symmetric", "1", "Omega h^2 of N plus anti-N if no pairs annihilate"),
        Observable("T_decay", "GeV", "temperature at which Gamma_phi = H, eq. (24)"),
        Observable("mean_momentum_delta", "1", "<p/T> of the delta estimate at T = m_phi, eq. (17)"),
        Observable("mean_momentum_delta_history", "1", "<p/T> of the delta estimate over the whole production"),
        Observable("mean_momentum_true", "1", "<p/T> of the decay spectrum at production"),
        Observable("mean_momentum_today", "1", "<p/T> of the decay spectrum after entropy dilution"),
        Observable("m_WDM_delta", "GeV", "effective warm-dark-matter mass, eq. (20), delta estimate"),
        Observable("m_WDM_true", "GeV", "effective warm-dark-matter mass, eq. (20), decay spectrum"),
        Observable("m_WDM_today", "GeV", "effective warm-dark-matter mass, eq. (20), diluted decay spectrum"),
        Observable("omega_in_band", "1", "1 where 0.11 <= Omega h^2 <= 0.13"),
        Observable("lyman_alpha_ok_delta", "1", "1 where m_WDM_delta >= 5 keV, eq. (22), on all of dark matter"),
        Observable("lyman_alpha_ok_true", "1", "1 where m_WDM_true >= 5 keV, eq. (22), on all of dark matter"),
        Observable("lyman_alpha_ok_today", "1", "1 where m_WDM_today >= 5 keV, eq. (22), on all of dark matter"),
        Observable("m_thermal_relic", "GeV",
                   f"mass of the thermal relic of the same mean velocity today and Omega h^2 = {DARK_MATTER_DENSITY}"),
        Observable("lyman_alpha_ok_thermal_relic", "1", "1 where m_thermal_relic >= 5 keV, on all of dark matter"),
        Observable("m_N_above_5keV", "1", "1 where m_N >= 5 keV, the line drawn in figs. 5 and 6"),
        Observable("higgs_decay_closed", "1", "1 where h -> phi phi is forbidden, eq. (19)"),
        Observable("bbn_ok", "1", "1 where T_decay lies above 1 MeV"),
        Observable("Y", "1", "asymmetry yield, integral of eq. (7)", "trajectory"),
        Observable("spectrum_true", "1", "(1/n) dn/dq of the decay spectrum, q = p/T", "spectrum"),
        Observable("spectrum_delta", "1", "(1/n) dn/dq of the delta estimate (16) over the production", "spectrum"),
    )  # fmt: skip
    grid_kinds = ()

    def cost(self, problem):
        each = 9e-6 if problem.settings["phi_statistics"] == "bose_einstein" else 6e-7
        return Cost(1e-5 + each * (problem.temperatures.size + problem.momenta.size))

    def solve(self, problem, state=None, pause=lambda: False):
        point, statistics = problem.point, problem.settings["phi_statistics"]
        scalars = point_observables(point["m_N"], point["m_phi"], point["mu"], point["epsilon"], problem.settings)
        trajectories, spectra = {}, {}
        if problem.temperatures.size:
            x = point["m_phi"] / problem.temperatures
            trajectories = {"Y": scalars["Y_inf"] * produced_fraction(x, statistics)}
        if problem.momenta.size:
            spectra = {
                "spectrum_true": decay_spectrum(problem.momenta, statistics),
                "spectrum_delta": delta_spectrum(problem.momenta, statistics),
            }
        observables = {"scalar": scalars, "trajectory": trajectories, "spectrum": spectra}
        return Outcome(ResultCode.DONE, observables=observables)
