"""Asymmetric freeze-in meets the closed forms and numbers of arXiv:2602.20570, and a direct integration of eq. (7)."""

import time

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import kv, zeta

from hpc_nu.interactions.scalar_mediator import WIDTH_FACTORS, coupling_of_width, decay_width
from hpc_nu.models import asymmetric_freeze_in as afi
from hpc_nu.models.interface import Problem
from hpc_nu.result_codes import ResultCode
from hpc_nu.units import PLANCK_MASS

BENCHMARK = {"m_N": 1e-5, "m_phi": 300.0, "mu": 3.3e-6, "epsilon": 5e-6}
MODEL = afi.AsymmetricFreezeIn()
DEFAULTS = {setting.name: setting.default for setting in MODEL.settings}


def solve_by_kind(settings=(), temperatures=(), momenta=(), **point):
    """Observables of the benchmark point, by kind, with some of its parameters and settings replaced."""
    problem = Problem(
        {**BENCHMARK, **point},
        {**DEFAULTS, **dict(settings)},
        temperatures=np.array(temperatures, dtype=float),
        momenta=np.array(momenta, dtype=float),
    )
    outcome = MODEL.solve(problem)
    assert outcome.code is ResultCode.DONE
    return outcome.observables


def solve(*arguments, **keywords):
    """The same with all kinds in one dictionary."""
    kinds = solve_by_kind(*arguments, **keywords)
    return {name: value for named in kinds.values() for name, value in named.items()}


def integral(function, low, high):
    """Adaptive quadrature over decades, far below the tolerances asked of the closed forms."""
    edges = [low] + [edge for edge in 10.0 ** np.arange(-9, 2.1, 0.5) if low < edge < high] + [high]
    return sum(
        quad(function, u, v, epsabs=0, epsrel=1e-12, limit=400)[0] for u, v in zip(edges, edges[1:], strict=False)
    )


def bosons_over_boltzmann_yield(x):
    """Integral of eq. (7) with the Bose-Einstein n_eq, over 8, by exchanging the time and energy integrals.

    With E^2 = p^2 + x^2: int dx x int dp p^2 f(E) = (1/3) int dE E f(E) [E^3 - (E^2 - x^2)^(3/2)].
    """

    def after(energy):
        return energy**4 / np.expm1(energy) * -np.expm1(1.5 * np.log1p(-((x / energy) ** 2)))

    before = integral(lambda energy: energy**4 / np.expm1(energy), 0.0, x)
    return (before + integral(after, x * (1 + 1e-15), x + 60.0)) / 24


# ---- eq. (7) and its integral


@pytest.mark.parametrize("x", [1e-6, 1e-4, 1e-2, 0.1, 0.5, 0.999, 1.001, 1.7, 3.0, 10.0, 40.0, 700.0])
def test_produced_fraction_is_the_integral_of_the_boltzmann_equation(x):
    by_quadrature = integral(lambda u: u**3 * kv(2, u), 0.0, min(x, 80.0)) / 8
    assert afi.produced_fraction(x) == pytest.approx(by_quadrature, rel=1e-9)


@pytest.mark.parametrize("x", [1e-6, 1e-3, 0.1, 0.999, 1.001, 3.0, 30.0])
def test_produced_fraction_of_bosons_is_the_integral_over_their_distribution(x):
    closed_form = afi.produced_fraction(x, "bose_einstein") * zeta(5.0)
    assert closed_form == pytest.approx(bosons_over_boltzmann_yield(x), rel=1e-9)


@pytest.mark.parametrize("statistics", afi.STATISTICS)
def test_rate_of_production_is_the_slope_of_the_fraction(statistics):
    x = np.geomspace(1e-3, 20.0, 60)
    h = 1e-4 * x
    slope = (afi.produced_fraction(x + h, statistics) - afi.produced_fraction(x - h, statistics)) / (2 * h)
    assert afi.production_per_x(x, statistics) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("statistics", afi.STATISTICS)
def test_series_and_bessel_functions_agree_where_they_meet(statistics):
    fraction = afi.produced_fraction(np.array([np.nextafter(1.0, 0.0), 1.0]), statistics)
    slope = afi.production_per_x(np.array([np.nextafter(1.0, 0.0), 1.0]), statistics)
    assert fraction[0] == pytest.approx(fraction[1], rel=1e-13)
    assert slope[0] == pytest.approx(slope[1], rel=1e-13)


@pytest.mark.parametrize("statistics", afi.STATISTICS)
def test_nothing_is_there_early_and_all_of_it_late(statistics):
    with np.errstate(all="raise", under="ignore"):
        fraction = afi.produced_fraction(np.array([0.0, 1e-200, 1e3, 1e200, np.inf]), statistics)
    assert fraction[0] == 0.0 and fraction[1] < 1e-300
    assert np.all(fraction[2:] == 1.0)


def test_derivative_of_zeta_is_the_known_one():
    glaisher = 1.2824271291006226369
    at_2 = np.pi**2 / 6 * (np.euler_gamma + np.log(2 * np.pi) - 12 * np.log(glaisher))
    assert afi._zeta_derivative(np.array([2.0]))[0] == pytest.approx(at_2, rel=1e-13)


def test_early_yield_grows_like_the_inverse_square_of_the_temperature():
    x = np.array([1e-6, 1e-5, 1e-4])
    assert afi.produced_fraction(x) == pytest.approx(x**2 / 8, rel=1e-8)
    assert afi.produced_fraction(x, "bose_einstein") == pytest.approx(x**2 / 8 * zeta(3.0) / zeta(5.0), rel=1e-6)


def test_trajectory_solves_eq_7_with_the_densities_of_eqs_6_8_and_9():
    high, low = 900.0, 100.0
    out = solve(temperatures=[high, low])

    def minus_slope(t):
        number = 300.0**2 * t / (2 * np.pi**2) * kv(2, 300.0 / t)
        entropy = 2 * np.pi**2 / 45 * 106.75 * t**3
        hubble = 1.66 * 106.75**0.5 * t**2 / PLANCK_MASS
        return 5e-6 * out["Gamma_phi"] * number / (entropy * hubble * t)

    assert out["Y"][1] - out["Y"][0] == pytest.approx(
        quad(minus_slope, low, high, epsabs=0, epsrel=1e-12)[0], rel=1e-10
    )


def test_trajectory_runs_from_nothing_to_the_final_yield():
    out = solve(temperatures=np.geomspace(1e9, 1e-3, 200))
    assert 0 < out["Y"][0] < 1e-13 * out["Y_inf"]
    assert np.all(np.diff(out["Y"]) >= 0)
    assert out["Y"][-1] == out["Y_inf"]


# ---- numbers of the benchmark


@pytest.mark.parametrize(
    "width_factor, final_yield, mass_kev", [(4.0, 8.899e-5, 4.90), (8.0, 4.449e-5, 9.81), (16.0, 2.225e-5, 19.6)]
)
def test_benchmark_yield_and_mass_for_each_width(width_factor, final_yield, mass_kev):
    assert width_factor in WIDTH_FACTORS
    out = solve({"width_factor": width_factor})
    assert out["Y_inf"] == pytest.approx(final_yield, rel=3e-4)
    assert out["m_N_relic"] * 1e6 == pytest.approx(mass_kev, rel=1e-3)


def test_mass_for_the_relic_density_gives_it():
    mass = solve()["m_N_relic"]
    assert solve(m_N=mass)["Omega_h2"] == pytest.approx(0.12, rel=1e-13)


def test_benchmark_violates_the_freeze_in_condition_and_says_so():
    out = solve()
    assert out["Gamma_over_H"] == pytest.approx(1028, rel=1e-3)
    assert out["freeze_in_ok"] == 0.0
    assert out["T_decay"] == pytest.approx(9.7e3, rel=5e-3)
    assert out["Y_sym"] == pytest.approx(8.9, rel=1e-3)
    assert out["Y_sym_over_equilibrium"] == pytest.approx(2281, rel=1e-3)
    assert solve({"sterile_states": 4.0})["Y_sym_over_equilibrium"] == pytest.approx(1140, rel=1e-3)


def test_freeze_in_holds_below_the_reported_coupling_and_not_above():
    mu = solve()["mu_freeze_in"]
    assert mu == pytest.approx(1.03e-7, rel=2e-3)
    below, above = solve(mu=mu * (1 - 1e-9)), solve(mu=mu * (1 + 1e-9))
    assert (below["freeze_in_ok"], above["freeze_in_ok"]) == (1.0, 0.0)
    assert below["m_N_relic"] >= 10e-3  # at this epsilon freeze-in proper wants 10 MeV


def test_temperature_of_decay_satisfies_its_definition_to_the_printed_digits():
    out = solve()
    assert afi.hubble_rate(out["T_decay"], 106.75) == pytest.approx(out["Gamma_phi"], rel=1.5e-2)


def test_coupling_of_width_inverts_the_width():
    assert coupling_of_width(decay_width(2e-7, 450.0, 4.0), 450.0, 4.0) == pytest.approx(2e-7, rel=1e-14)


# ---- scaling laws and statistics


def test_yield_scales_as_asymmetry_times_coupling_squared_over_mass():
    base = solve()["Y_inf"]
    assert solve(epsilon=1e-5)["Y_inf"] == pytest.approx(2 * base, rel=1e-13)
    assert solve(mu=6.6e-6)["Y_inf"] == pytest.approx(4 * base, rel=1e-13)
    assert solve(m_phi=600.0)["Y_inf"] == pytest.approx(base / 2, rel=1e-13)
    assert solve({"g_star": 4 * 106.75})["Y_inf"] == pytest.approx(base / 8, rel=1e-13)
    assert solve(m_N=2e-5)["Y_inf"] == base


def test_relic_bands_follow_the_printed_power_laws():
    base = solve()["Omega_h2"]
    assert solve(m_N=4e-5, mu=3.3e-6 / 2)["Omega_h2"] == pytest.approx(base, rel=1e-13)
    assert solve(m_N=4e-5, epsilon=5e-6 / 4)["Omega_h2"] == pytest.approx(base, rel=1e-13)


def test_bose_einstein_statistics_add_3_7_per_cent():
    ratio = solve({"phi_statistics": "bose_einstein"})["Y_inf"] / solve()["Y_inf"]
    assert ratio == pytest.approx(1.0369, abs=1e-4)


def test_time_dilation_replaces_8_by_three_halves_pi():
    out = solve()
    expected = quad(lambda x: x**3 * kv(1, x), 0, 60, epsrel=1e-12)[0] / 8
    assert out["Y_inf_time_dilated"] / out["Y_inf"] == pytest.approx(expected, rel=1e-10)


def test_pairs_outweigh_the_asymmetry_by_its_inverse():
    out = solve()
    assert out["Omega_h2_symmetric"] * BENCHMARK["epsilon"] == pytest.approx(out["Omega_h2"], rel=1e-13)


# ---- momentum distribution


@pytest.mark.parametrize("statistics", afi.STATISTICS)
@pytest.mark.parametrize(
    "spectrum, mean", [(afi.decay_spectrum, afi.mean_momentum), (afi.delta_spectrum, afi.mean_momentum_delta_history)]
)
def test_spectra_are_normalised_and_have_the_stated_mean(spectrum, mean, statistics):
    def distribution(q):
        return float(spectrum(q, statistics))

    assert integral(distribution, 0.0, 60.0) == pytest.approx(1.0, rel=1e-9)
    first_moment = integral(lambda q: q * distribution(q), 0.0, 60.0)
    assert first_moment == pytest.approx(mean(statistics), rel=1e-9)


@pytest.mark.parametrize("q", [0.03, 0.5, 2.0, 8.0])
@pytest.mark.parametrize("statistics, sign", [("maxwell_boltzmann", 0), ("bose_einstein", -1)])
def test_decay_spectrum_is_the_collision_integral_over_time(q, statistics, sign):
    """f_N(q) ~ int dx x^2 q^-2 int_(E > p + m^2/4p) dE f_phi, normalised by the time-dilated yield."""

    def rate(x):
        threshold = q + x**2 / (4 * q)
        return x**2 * (-np.log1p(-np.exp(-threshold)) if sign else np.exp(-threshold))

    total = 1.5 * np.pi * (zeta(5.0) if sign else 1.0)
    by_quadrature = integral(rate, 0.0, 2 * (q * 60.0) ** 0.5) / total
    assert afi.decay_spectrum(q, statistics) == pytest.approx(by_quadrature, rel=1e-9)


def test_mean_momenta_are_the_published_ones():
    classical, bosons = solve(), solve({"phi_statistics": "bose_einstein"})
    assert classical["mean_momentum_delta"] == 0.5
    assert classical["mean_momentum_true"] == 2.5
    assert bosons["mean_momentum_true"] == pytest.approx(2.4528, abs=5e-5)
    assert classical["mean_momentum_today"] == pytest.approx(0.83, abs=5e-3)


def test_stored_spectra_lie_on_the_output_momenta():
    momenta = np.linspace(0.0, 10.0, 7)
    out = solve(momenta=momenta)
    assert out["spectrum_true"] == pytest.approx(momenta**1.5 * np.exp(-momenta) / (0.75 * np.pi**0.5), rel=1e-12)
    assert out["spectrum_delta"][1:] == pytest.approx(2 * momenta[1:] ** 3 * kv(2, 2 * momenta[1:]), rel=1e-12)
    assert out["spectrum_delta"][0] == 0.0


# ---- constraints


@pytest.mark.parametrize("flag, mass_kev", [("delta", 0.79), ("true", 3.97), ("today", 1.318)])  # 5 keV <p/T>/3.15
def test_lyman_alpha_bound_sits_where_eq_20_puts_it(flag, mass_kev):
    name = f"lyman_alpha_ok_{flag}"
    assert (solve(m_N=mass_kev * 0.99e-6)[name], solve(m_N=mass_kev * 1.01e-6)[name]) == (0.0, 1.0)


def test_the_bound_on_thermal_relics_is_stronger_than_eq_20_makes_it():
    """5 keV of thermal relics are 4.46 keV 5^(4/3) of momenta 3.151 T_nu (Viel et al.), here of 0.83 T."""
    mass = 4.46e-6 * 5 ** (4 / 3) * solve()["mean_momentum_today"] / (3.1514 * (4 / 11) ** (1 / 3))
    assert mass == pytest.approx(14.07e-6, rel=1e-3)
    flags = [solve(m_N=mass * by)["lyman_alpha_ok_thermal_relic"] for by in (0.99, 1.01)]
    assert flags == [0.0, 1.0]
    assert solve()["m_WDM_today"] > 9 * solve()["m_thermal_relic"]


@pytest.mark.parametrize("spectrum, ratio", [("delta", 6.3), ("true", 1.26), ("today", 1.26 / 0.3321)])
def test_effective_mass_is_the_mass_over_the_mean_momentum(spectrum, ratio):
    out = solve()
    assert out[f"m_WDM_{spectrum}"] == pytest.approx(1e-5 * 3.15 / out[f"mean_momentum_{spectrum}"], rel=1e-13)
    assert out[f"m_WDM_{spectrum}"] == pytest.approx(ratio * 1e-5, rel=1e-4)


@pytest.mark.parametrize(
    "flag, parameter, outside, inside",
    [
        ("m_N_above_5keV", "m_N", 4.999e-6, 5.0e-6),
        ("omega_in_band", "m_N", 8.98e-6, 9.00e-6),
        ("omega_in_band", "m_N", 10.63e-6, 10.62e-6),
        ("higgs_decay_closed", "m_phi", 62.6, 62.7),
        ("bbn_ok", "mu", 3.4e-13, 3.5e-13),
    ],
)
def test_flag_switches_at_its_bound(flag, parameter, outside, inside):
    assert (solve(**{parameter: outside})[flag], solve(**{parameter: inside})[flag]) == (0.0, 1.0)


# ---- the model as the campaign sees it


def test_observables_are_exactly_the_declared_ones():
    temperatures, momenta = np.array([500.0, 100.0, 1.0]), np.array([0.5, 3.0])
    out = solve_by_kind(temperatures=temperatures, momenta=momenta)
    shapes = {"scalar": (), "trajectory": (3,), "spectrum": (2,)}
    assert {(kind, name, np.shape(value)) for kind, named in out.items() for name, value in named.items()} == {
        (observable.kind, observable.name, shapes[observable.kind]) for observable in MODEL.observables
    }
    assert all(np.all(np.isfinite(value)) for named in out.values() for value in named.values())


def test_nothing_is_computed_on_grids_that_were_not_asked_for():
    out = solve_by_kind()
    assert out["trajectory"] == {} and out["spectrum"] == {}


def test_benchmark_lies_in_the_declared_ranges():
    assert {parameter.name for parameter in MODEL.parameters} == set(BENCHMARK)
    assert all(parameter.low < BENCHMARK[parameter.name] < parameter.high for parameter in MODEL.parameters)


def test_a_plane_of_points_equals_its_points():
    m_n, mu = np.array([1e-6, 1e-5])[:, None], np.array([1e-7, 1e-6, 1e-5])
    plane = afi.point_observables(m_n, 300.0, mu, 5e-6, DEFAULTS)
    for name in ("Omega_h2", "omega_in_band", "freeze_in_ok", "m_WDM_true", "lyman_alpha_ok_true"):
        values = np.broadcast_to(plane[name], (2, 3))
        assert all(values[i, j] == solve(m_N=m_n[i, 0], mu=mu[j])[name] for i in range(2) for j in range(3))


def test_a_point_takes_less_than_100_microseconds():
    problem = Problem(BENCHMARK, DEFAULTS)

    def seconds():
        start = time.perf_counter()
        for _ in range(100):
            MODEL.solve(problem)
        return (time.perf_counter() - start) / 100

    assert min(seconds() for _ in range(5)) < 100e-6
