"""An equation of state from a file of the user's: what it becomes, and what is refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from hpc_nu.campaign.input_file import InputError
from hpc_nu.campaign.plan import read_plan
from hpc_nu.models import get_model
from hpc_nu.models.interface import Problem
from hpc_nu.plasma import thermodynamics as th
from hpc_nu.plasma.user_equation_of_state import read_equation_of_state, user_equations_of_state
from hpc_nu.solver.momentum_grid import gauss_legendre


def write(path, temperature, g_rho, g_s, unit="GeV"):
    rows = "\n".join(f"{t:.17g} {a:.17g}, {b:.17g}" for t, a, b in zip(temperature, g_rho, g_s, strict=True))
    path.write_text(f"# T g_rho g_s\nunit: {unit}\n{rows}\n")
    return str(path)


def sampled(path, name="saikawa_shirai", unit="GeV", factor=1.0, low=1e-4, high=1e6, points=1200):
    t = np.geomspace(low, high, points)
    t[[0, -1]] = low, high
    return write(path, t * factor, th.energy_degrees_of_freedom(t, name), th.entropy_degrees_of_freedom(t, name), unit)


@pytest.mark.parametrize(("unit", "factor"), [("GeV", 1.0), ("MeV", 1e3)])
def test_a_published_equation_of_state_from_a_file_is_itself(tmp_path, unit, factor):
    own = sampled(tmp_path / "own.txt", "hotqcd", unit, factor, points=5000)
    t = np.geomspace(1.01e-4, 9.9e5, 400)
    for function, accuracy in ((th.hubble_rate, 1e-6), (th.entropy_density, 1e-6), (th.sound_speed_squared, 2e-3)):
        np.testing.assert_allclose(function(t, own), function(t, "hotqcd"), rtol=accuracy)
    th.check_user_equation_of_state(own, 1e-4, 1e6)


def test_constant_g_is_radiation(tmp_path):
    t = np.geomspace(1e-4, 1e6, 50)
    own = write(tmp_path / "constant.txt", t[::-1], np.full(50, 106.75), np.full(50, 106.75))  # decreasing T as well
    temperature = np.geomspace(1e-3, 1e5, 30)
    np.testing.assert_allclose(th.sound_speed_squared(temperature, own), 1 / 3, rtol=1e-12)
    np.testing.assert_allclose(
        th.hubble_rate(temperature, own), np.sqrt(4 * np.pi**3 / 45 * 106.75) * temperature**2 / 1.22089e19, rtol=1e-6
    )


def test_radiation_that_is_not_of_the_bath_changes_the_expansion_alone(tmp_path):
    t = np.geomspace(1e-4, 1e6, 2000)
    g_rho, g_s = th.energy_degrees_of_freedom(t), th.entropy_degrees_of_freedom(t)
    dark = write(tmp_path / "dark.txt", t, 1.21 * g_rho, g_s)
    th.check_user_equation_of_state(dark, 1e-3, 1e5)
    inner = np.geomspace(2e-4, 5e5, 100)
    np.testing.assert_allclose(th.hubble_rate(inner, dark), 1.1 * th.hubble_rate(inner), rtol=1e-6)
    np.testing.assert_allclose(th.entropy_density(inner, dark), th.entropy_density(inner), rtol=1e-6)


def test_twice_the_degrees_of_freedom_are_half_the_square_of_the_rates_over_hubble(tmp_path):
    t = np.geomspace(1e-3, 1e6, 300)
    g_rho, g_s = th.energy_degrees_of_freedom(t), th.entropy_degrees_of_freedom(t)
    double = write(tmp_path / "double.txt", t, 2 * g_rho, 2 * g_s)
    model = get_model("low_energy_constants")
    settings = {setting.name: setting.default for setting in model.settings}
    point = {"M": 2.0, "delta_M": 4e-11, "re_z": 1.5, "im_z": 1.0, "delta": 1.0, "phi": 0.3, "T": 0.5}
    plain, other = (
        model.solve(Problem(point, settings | {"equation_of_state": name})).observables["scalar"]["Gamma_H"]
        for name in ("saikawa_shirai", double)
    )
    assert plain / other == pytest.approx(np.sqrt(2), rel=1e-4)


@pytest.mark.parametrize("name", ["dodelson_widrow", "relic_coupling", "relic_fold"])
def test_dark_matter_takes_a_file_too(tmp_path, name):
    """Twice the degrees of freedom: rates over H fall by sqrt 2, and n/s by another factor of 2."""
    t = np.geomspace(1e-5, 1e3, 600)
    inside = np.clip(t, 1e-4, None)
    g_rho, g_s = th.energy_degrees_of_freedom(inside), th.entropy_degrees_of_freedom(inside)
    double = write(tmp_path / "double.txt", t, 2 * g_rho, 2 * g_s)
    model = get_model(name)
    settings = {setting.name: setting.default for setting in model.settings} | {"equation_of_state": double}
    points = {p.name: np.array([p.default or p.low or 1.0]) for p in model.parameters}
    problems = model.check_points(settings, points, np.empty(0))
    assert not [text for text in problems if "double.txt" in text]
    assert model.tables(settings, points)[double] == hashlib.sha256(Path(double).read_bytes()).hexdigest()
    short = write(tmp_path / "short.txt", t[300:], 2 * g_rho[300:], 2 * g_s[300:])
    problems = model.check_points(settings | {"equation_of_state": short}, points, np.empty(0))
    [problem] = [text for text in problems if "short" in text]
    assert "are needed" in problem
    if name == "dodelson_widrow":
        point = {"m_4": 1e-5, "sin2_2theta": 1e-10, "m_mediator": 0.0, "coupling": 0.0}
        plain, other = (
            model.solve(Problem(point, settings | {"equation_of_state": one}, gauss_legendre(16))).observables["scalar"]
            for one in ("saikawa_shirai", double)
        )
        assert plain["Y"] / other["Y"] == pytest.approx(2**1.5, rel=1e-3)


CAMPAIGN = """
campaign: own
model: lepton_asymmetry
parameters:
  M:        {value: 1.0, unit: GeV}
  delta_M:  {value: 1e-11, unit: GeV}
  im_omega: {value: 0, unit: rad}
  re_omega: {value: 1, unit: rad}
  delta:    {value: 1, unit: rad}
  eta:      {value: 1, unit: rad}
settings: {equation_of_state: %s, T_end: {value: 1, unit: GeV}}
grids: [{kind: averaged}]
"""


def test_the_file_is_part_of_the_problem(tmp_path):
    campaign, table = tmp_path / "in.yaml", tmp_path / "own.txt"
    campaign.write_text(CAMPAIGN % sampled(table))
    one = read_plan(campaign)
    assert one.tables[str(table)] == hashlib.sha256(table.read_bytes()).hexdigest()
    assert one.problem(0).settings["equation_of_state"] == str(table)
    sampled(table, "hotqcd")
    user_equations_of_state.clear()
    other = read_plan(campaign)
    assert other.tables[str(table)] == hashlib.sha256(table.read_bytes()).hexdigest() != one.tables[str(table)]
    assert other.problem_hash != one.problem_hash


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda lines: [*lines[:1], "unit: m", *lines[2:]], [":2:", "unit: m", "GeV"]),
        (lambda lines: [*lines[:1], *lines[2:]], [":1:", "unit"]),
        (lambda lines: [*lines[:5], "1.0 2.0", *lines[5:]], [":6:", "'1.0 2.0'", "T, g_rho, g_s"]),
        (lambda lines: [*lines[:5], "1.0 -2.0 3.0", *lines[5:]], [":6:", "g_rho = '-2.0'", "between 0 and 10000"]),
        (lambda lines: [*lines[:5], "1.0 2.0 nan", *lines[5:]], [":6:", "g_s = 'nan'"]),
        (lambda lines: [*lines[:6], lines[5], *lines[6:]], [":7:", "expected increasing numbers"]),
        (lambda lines: lines[:6], ["4 points", "at least 8"]),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_line(tmp_path, change, named):
    path = tmp_path / "own.txt"
    sampled(path)
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(ValueError, match="own.txt") as error:
        read_equation_of_state(path)
    assert all(text in str(error.value) for text in named)


def test_what_is_no_equation_of_state_for_the_campaign_is_an_error_of_the_input(tmp_path):
    t = np.geomspace(1e-4, 1e6, 300)
    g_rho, g_s = th.energy_degrees_of_freedom(t), th.entropy_degrees_of_freedom(t)
    campaign = tmp_path / "in.yaml"
    step = np.where(t > 50, 1e-3, 1.0)  # entropy that falls faster than T^-3
    files = {
        "covers T = 0.0001 ... 100 GeV, and 1 ... 10000 GeV are needed": sampled(tmp_path / "short.txt", high=100.0),
        "0 < c_s^2 < 0.4": write(tmp_path / "step.txt", t, g_rho * step, g_s * step),
        "where g_s and de = T ds give": write(tmp_path / "energy.txt", t, g_rho * np.where(t > 1, 1.7, 1.0), g_s),
        "cannot be read": str(tmp_path / "none.txt"),
    }
    for text, path in files.items():
        campaign.write_text(CAMPAIGN % path)
        with pytest.raises(InputError) as error:
            read_plan(campaign)
        assert text in str(error.value) and path in str(error.value)
    campaign.write_text(CAMPAIGN % "saikawa_shira")
    with pytest.raises(InputError, match="a file of yours"):
        read_plan(campaign)
