"""The model `equilibration`: its time scales are those of arXiv:2011.12637 ("EST") as far as its text states them.

The figures there have more, but no numbers.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import kv

from hpc_nu.campaign.communicator import SingleProcess
from hpc_nu.campaign.marked_yaml import InputError
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.run import run
from hpc_nu.models import get_model
from hpc_nu.models.heavy_neutrinos import equilibration
from hpc_nu.models.interface import Problem
from hpc_nu.plasma.thermodynamics import hubble_rate
from hpc_nu.seesaw.averaged_rates import averaged_rates
from hpc_nu.seesaw.oscillation_data import oscillation_data
from hpc_nu.seesaw.thermal_rates import ThermalRates, momentum_average, thermal_rates

INPUTS = Path(__file__).parents[2] / "inputs"
TOOL = INPUTS.parent / "tools" / "plot_equilibration.py"
MODEL = get_model("equilibration")
DEFAULTS = {setting.name: setting.default for setting in MODEL.settings}
COARSE = {"points_per_decade": 8, "T_high": 300.0}

PI = np.pi
FIG_1 = {"M": 1.0, "delta_M": 1e-11, "im_omega": 2e-3, "re_omega": 0.5 * PI, "delta": 1.5 * PI, "eta": 0.5 * PI}
FREEZE_IN = {  # eq. (4.1)
    "M": 2.0, "delta_M": 0.983e-11, "im_omega": -2.754e-3,
    "re_omega": 0.551 * PI, "delta": 0.993 * PI, "eta": 1.479 * PI,
}  # fmt: skip
FIG_11 = {
    "M": 10.0, "delta_M": 2.06e-11, "im_omega": 0.2, "re_omega": 0.500001 * PI, "delta": 3.11 * PI, "eta": 0.68 * PI,
}  # fmt: skip
FIG_19 = {
    "M": 1.0, "delta_M": 1e-12, "im_omega": np.log(3),
    "re_omega": 13 / 16 * PI, "delta": 29 / 16 * PI, "eta": 22 / 16 * PI,
}  # fmt: skip


def solve(point, temperatures=(), **settings):
    problem = Problem(point, DEFAULTS | COARSE | settings, temperatures=np.array(temperatures, float))
    outcome = MODEL.solve(problem)
    assert outcome.code.name == "DONE"
    declared = {o.name for o in MODEL.observables if o.kind == "scalar"}
    assert set(outcome.observables["scalar"]) == declared
    return outcome.observables


def curves(point, temperatures, **settings):
    """Trajectories alone, without the search for T_in, ..."""
    problem = Problem(point, DEFAULTS | settings)
    return equilibration._System(problem).trajectories(tuple(map(float, temperatures)))


# Statements of EST


def test_freeze_in_freeze_out_and_decays_are_where_figure_1_has_them():
    """T_in "exceeds a few tens of GeV", T_out ~ 1 GeV, and decays "around O(10) MeV"."""
    o = solve(FIG_1, points_per_decade=6, T_low=1.5e-3)["scalar"]
    assert 30 < o["T_in_small"] < o["T_in_large"] < 100
    assert 1 < o["T_out_large"] < o["T_out_small"] < 5
    assert 1e-3 < o["T_dec_small"] < o["T_dec_large"] < 2e-2
    got = [o[f"{event}_{which}"] for which in ("large", "small") for event in ("T_in", "T_out", "T_dec")]
    np.testing.assert_allclose(got, [56, 1.8, 0.0055, 38, 3.3, 0.0023], rtol=0.1)  # another implementation, coarser
    # At Re w = pi/2 Gamma_N is diagonal, and in the cold it is the vacuum width.
    for which, width in (("large", o["width_N_2"]), ("small", o["width_N_3"])):
        assert width == pytest.approx(hubble_rate(o[f"T_dec_{which}"]), rel=0.05)
    assert o["U2"] == pytest.approx(6e-11, rel=0.05)  # eq. (5.3)
    assert sum(o[f"U2_{flavour}"] for flavour in ("e", "mu", "tau")) == pytest.approx(o["U2"], rel=1e-12)


def test_rates_and_oscillations_cross_h_together_at_the_point_of_large_asymmetry():
    """Sec. 4.1: Gamma_N/H = 1 "around 50-100 GeV", and Gamma_osc/H there is near 1."""
    o = solve(FREEZE_IN, T_low=1.0)["scalar"]
    assert 50 < o["T_in_small"] < o["T_in_large"] < 100 < o["T_osc"] < 180
    assert 1 < o["Gamma_osc_over_H_in_large"] < o["Gamma_osc_over_H_in_small"] < 20
    assert np.isnan(o["T_dec_large"])  # below T_low


def test_the_smallest_eigenvalue_of_a_exceeds_h_only_in_a_short_interval():
    """Fig. 5: from 1e-7 at 1 TeV to some 1e0 near 20 GeV; the largest one up to some 1e3."""
    temperature = np.geomspace(1000, 10, 21)
    o = curves(FREEZE_IN, temperature)
    small, large = o["relaxation_small_over_H"], o["relaxation_large_over_H"]
    above = temperature[small > 1]
    assert 10 < above.min() and above.max() < 40
    assert small.max() < 3 and 1e-7 < small[0] < 1e-6
    assert 1e3 < large.max() < 1e4
    assert np.all(large > 0.5 * o["Gamma_N_large_over_H"])  # fast oscillations average Gamma_N


def test_a_fine_tuned_splitting_makes_oscillations_slow_once_more():
    """Fig. 11: Gamma_osc/H is no monotonic function of T, and the smallest eigenvalue of A remains close to 1."""
    temperature = np.geomspace(100, 6, 12)
    o = curves(FIG_11, temperature)
    ratio = o["Gamma_osc_over_H"]
    low = np.argmin(ratio[3:]) + 3
    assert 10 < temperature[low] < 20 and ratio[low] < 0.3 * min(ratio[2], ratio[-1])
    assert np.all((o["relaxation_small_over_H"] > 0.1) & (o["relaxation_small_over_H"] < 10))


def test_without_violation_of_fermion_number_one_eigenvalue_never_exceeds_h():
    """Fig. 13: "in the gamma_- != 0 case both", "compared to gamma_- = 0 the freeze-out occurs later"."""
    point = FIG_11 | {"im_omega": 1.0}
    settings = {"T_low": 1.0, "T_high": 2000.0}
    full, without = solve(point, **settings)["scalar"], solve(point, gamma_minus_factor=0.0, **settings)["scalar"]
    assert full["T_in_small"] > full["T_out_small"] and np.isnan(without["T_in_small"])
    assert without["T_out_large"] > 2 * full["T_out_large"]
    temperatures = [50.0, 15.0]
    o = curves(point, temperatures, gamma_minus_factor=0.0)
    assert np.all(o["relaxation_small_over_H"] < 1e-12)  # L_-


def test_without_h_c_the_splitting_is_the_majorana_one_where_levels_cross():
    """Fig. 19: "around the zero of H_-", 20-30 GeV, delta M "is determined only by the Majorana part"."""
    temperature = np.geomspace(40, 15, 20)
    splitting = curves(FIG_19, temperature, h_plus_factor=0.0)["delta_M"]
    assert splitting.min() == pytest.approx(FIG_19["delta_M"], rel=0.02)
    assert 20 < temperature[np.argmin(splitting)] < 35
    assert curves(FIG_19, temperature)["delta_M"].min() > 10 * splitting.min()


def test_eigenvalues_are_nearly_the_same_with_inverted_hierarchy():
    """App. A: at Im w = 0 they differ by off-diagonal elements; 4.13/5.86 and 0.0751/9.86 of their sum, eq. (A.3)."""
    point = FREEZE_IN | {"im_omega": 0.0}
    for hierarchy, expected in (("normal", 4.13 / 5.86), ("inverted", 0.0751 / 9.86)):
        o = curves(point, [50.0, 20.0], hierarchy=hierarchy)
        small, large = o["Gamma_N_small_over_H"], o["Gamma_N_large_over_H"]
        np.testing.assert_allclose((large - small) / (large + small), expected, rtol=4e-3)


# Identities


def test_diagonal_elements_lie_between_the_eigenvalues():
    o = curves(FREEZE_IN, [100.0, 20.0, 7.0])
    small, large = o["Gamma_N_small_over_H"], o["Gamma_N_large_over_H"]
    diagonal = o["Gamma_N_22_over_H"], o["Gamma_N_33_over_H"]
    assert all(np.all((small < x) & (x < large)) for x in diagonal)
    np.testing.assert_allclose(sum(diagonal), small + large, rtol=1e-12)


def test_factors_on_averages_are_those_of_the_rates():
    def scaled_rates(t, k, m):
        gamma_c, gamma_v, h_c, h_v = thermal_rates(t, k, m)
        return ThermalRates(2 * gamma_c, 0.6 * gamma_v, 0.5 * h_c, h_v)

    temperature, factors = np.array([20.0, 150.0]), {"rate_factor": 2.0, "gamma_v_factor": 0.3, "h_c_factor": 0.5}
    scaled = averaged_rates(thermal_rates, 2.0, temperature, n_nodes=12).scaled(2.0, **factors)
    direct = averaged_rates(scaled_rates, 2.0, temperature, n_nodes=12)
    for got, expected in zip(scaled, direct, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11)


def test_averages_are_those_of_the_rates():
    temperature, mass = np.array([25.0]), 2.0
    found, plain = averaged_rates(thermal_rates, mass, temperature), momentum_average(thermal_rates, temperature, mass)
    np.testing.assert_allclose(found.gamma_c, plain.gamma_c, rtol=1e-12)
    np.testing.assert_allclose(found.gamma_v, plain.gamma_v, rtol=1e-12)
    vacuum = 246.22**2 / (4 * mass) * found.mass_over_energy[:, np.newaxis]
    np.testing.assert_allclose(found.shift_c + vacuum, plain.h_c, rtol=1e-12)
    np.testing.assert_allclose(found.shift_v + vacuum, plain.h_v, rtol=1e-9)
    # sigma by another quadrature
    for boltzmann_factor, y_mass in ((True, mass / 25), (False, 0.0)):
        found = averaged_rates(thermal_rates, mass, temperature, boltzmann_factor)
        y, w = np.polynomial.laguerre.laggauss(24)
        weight = w * np.exp(y) * y**2 / (2 * np.pi**2) / (2 + 2 * np.cosh(np.hypot(y, y_mass)))
        rates = thermal_rates(25.0, 25.0 * y, mass)
        np.testing.assert_allclose(found.source_c[0], weight @ rates.gamma_c, rtol=2e-3)
        np.testing.assert_allclose(found.source_v[0], weight @ rates.gamma_v, rtol=2e-2)


def _constant_and_linear(t, k, m):
    ones = np.ones((*k.shape, 3))
    return ThermalRates(ones, ones * (k / t)[..., np.newaxis], ones, ones)


@pytest.mark.parametrize("mass_over_t", [0.01, 1.0, 10.0, 100.0])
def test_sources_have_the_weight_of_what_is_on_shell(mass_over_t):
    """int d^3y/(2 pi)^3 f (1 - f) y^n, f(E): n = 0 and 1 by quadrature, and the law exp(-M/T) in the cold."""
    found = averaged_rates(_constant_and_linear, mass_over_t, np.array([1.0]))

    def moment(n):
        def integrand(y):
            return y ** (2 + n) / (2 * np.pi**2) / (2 + 2 * np.cosh(np.hypot(y, mass_over_t)))

        return quad(integrand, 0, np.sqrt((mass_over_t + 45) ** 2 - mass_over_t**2), epsrel=1e-11, epsabs=0)[0]

    np.testing.assert_allclose(found.source_c, moment(0), rtol=1e-9)
    np.testing.assert_allclose(found.source_v, moment(1), rtol=1e-7)
    if mass_over_t == 100:
        cold = mass_over_t**2 * kv(2, mass_over_t) / (2 * np.pi**2)  # Maxwell-Boltzmann
        np.testing.assert_allclose(found.source_c, cold, rtol=1e-9)


@pytest.mark.parametrize("mass_over_t", [0.01, 1.0, 10.0, 100.0])
def test_sources_as_printed_have_the_weight_of_massless_leptons(mass_over_t):
    """int d^3y/(2 pi)^3 f_nu (1 - f_nu) y^n is 1/12 for n = 0 and 9 zeta(3)/(4 pi^2) for n = 1, at any M/T."""
    found = averaged_rates(_constant_and_linear, mass_over_t, np.array([1.0]), boltzmann_factor=False)
    np.testing.assert_allclose(found.source_c, 1 / 12, rtol=1e-12)
    np.testing.assert_allclose(found.source_v, 9 * 1.2020569031595942 / (4 * np.pi**2), rtol=1e-7)


# The model in a campaign


def test_offsets_reach_the_splitting():
    point = FIG_11 | {"re_omega": 0.5 * PI}
    data = oscillation_data("nufit_3.2", "normal")
    tuned = (data.masses[2] - data.masses[1]) / 2
    for offset in (1e-26, 3e-26):  # 1e-15 of the tuned value
        problem = Problem(point, DEFAULTS, offsets={"delta_M": (tuned, offset), "re_omega": (0.5 * PI, 0.0)})
        assert np.linalg.norm(equilibration._System(problem).vacuum) == pytest.approx(
            offset, rel=0.05
        )  # tuned is rounded to 3e-28


LIMITS = """\
name: peak
source: nobody
x: M
unit: GeV
y: U2
excluded: above
flavour: mu
M U2
4;  {mu}
1;  {mu}
name: floor
source: nobody
x: m_N
unit: MeV
y: theta2
excluded: below
1000 {all}
4000 {all}
"""


def test_limits_are_on_the_sum_over_both_neutrinos_by_flavour(tmp_path):
    """Each of 1.01 and 0.99 of what the point has, as its largest muon mixing and as its smallest in all."""
    free = solve(FREEZE_IN)["scalar"]
    assert np.isnan(free["allowed_user"]) and np.isnan(free["U2_mu_limit_user"])
    for number, (mu, all_, allowed) in enumerate([(1.01, 0.99, 1), (0.99, 0.99, 0), (1.01, 1.01, 0)]):
        path = tmp_path / f"{number}.txt"
        path.write_text(LIMITS.format(mu=mu * free["U2_mu"], all=all_ * free["U2"]))
        found = solve(FREEZE_IN, limits=str(path))["scalar"]
        assert found["allowed_user"] == allowed
        assert found["U2_mu_limit_user"] == pytest.approx(mu * free["U2_mu"], rel=1e-12)
        assert np.isinf([found["U2_limit_user"], found["U2_e_limit_user"], found["U2_tau_limit_user"]]).all()
        assert solve(FREEZE_IN | {"M": 5.0}, limits=str(path))["scalar"]["allowed_user"] == 1  # outside of the curves


def test_limits_on_what_the_model_does_not_have_are_refused(tmp_path):
    campaign, path = tmp_path / "in.yaml", INPUTS / "limits_example.txt"
    campaign.write_text(CAMPAIGN.replace("settings: {", f"settings: {{limits: {path}, "))
    with pytest.raises(InputError, match="coupling over mediator_mass: expected sin2_2theta, theta2, U2 over m4"):
        read_plan(campaign)


@pytest.mark.parametrize("name", ["fig1", "fig5", "fig11"])
def test_input_files_are_those_of_the_figures(name):
    plan = read_plan(INPUTS / f"equilibration_{name}.yaml")
    expected = {"fig1": FIG_1, "fig5": FREEZE_IN, "fig11": FIG_11}[name]
    assert plan.problem(0).point == pytest.approx(expected, rel=1e-12)


def test_temperatures_out_of_range_are_refused():
    assert MODEL.check(DEFAULTS, [100.0, 1.0]) == []
    [(section, text)] = MODEL.check(DEFAULTS, [100.0, 1e-4])
    assert section == "output.temperatures" and "0.0001 GeV" in text
    [(section, text)] = MODEL.check(DEFAULTS | {"T_high": 1.0, "T_low": 1.0}, [])
    assert section == "settings" and "above" in text


CAMPAIGN = """
campaign: small
model: equilibration
parameters:
  M:        {value: 2.0, unit: GeV}
  delta_M:  {value: 1e-11, unit: GeV}
  im_omega: {list: [0.0, 1.0], unit: rad}
  re_omega: {value: 0.55, unit: pi}
  delta:    {value: 1, unit: pi}
  eta:      {value: 1, unit: pi}
settings: {points_per_decade: 4, T_high: {value: 300, unit: GeV}, T_low: {value: 1, unit: GeV}}
variations:
  full: {}
  without_gamma_v: {gamma_minus_factor: 0.0}
output: {temperatures: {log: [10, 300], points: 6, unit: GeV}}
"""


def test_the_tool_draws_every_point_and_variation(alone, tmp_path):
    (tmp_path / "in.yaml").write_text(CAMPAIGN)
    output, picture = tmp_path / "out.h5", tmp_path / "out.png"
    assert run(SingleProcess(), tmp_path / "in.yaml", output) == 0
    command = [sys.executable, "-W", "error", str(TOOL), str(output), "-o", str(picture)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 50_000
    ended = subprocess.run([*command[:4], str(tmp_path / "no.h5"), *command[5:]], capture_output=True, text=True)
    assert ended.returncode == 2 and "no such file" in ended.stderr and ended.stderr.count("\n") == 1


@pytest.mark.parametrize("point", [FIG_1, FREEZE_IN, FIG_11], ids=["fig1", "fig5", "fig11"])
def test_default_number_of_temperatures_is_enough(point):
    default, fine = (
        solve(point, points_per_decade=n, T_high=1e5)["scalar"] for n in (DEFAULTS["points_per_decade"], 240)
    )
    for name in default:
        if name.startswith("T_"):
            assert default[name] == pytest.approx(fine[name], rel=2e-3, nan_ok=True), name
