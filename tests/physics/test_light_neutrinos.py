"""Oscillation data of the user's own, in all models with heavy neutrinos, fixed and drawn within their errors."""

import math

import numpy as np
import pytest

from hpc_nu.campaign.input_file import InputError
from hpc_nu.campaign.plan import read_plan
from hpc_nu.models import get_model
from hpc_nu.models.heavy_neutrinos.light_neutrinos import OWN_OSCILLATION_DATA, light_neutrinos
from hpc_nu.models.interface import Problem
from hpc_nu.seesaw.oscillation_data import oscillation_data
from hpc_nu.solver import momentum_grid

MODELS = ("lepton_asymmetry", "equilibration", "low_energy_constants")
POINT = {
    "M": 1.0, "delta_M": 1e-11, "im_omega": 0.3, "re_omega": 1.2, "im_z": 0.3, "re_z": 1.2, "delta": 1.0, "eta": 0.4,
    "phi": 0.4, "T": 0.5,
}  # fmt: skip


def as_parameters(data):
    sign = 1 if data.hierarchy == "normal" else -1
    angles = {f"theta_{ij}": math.asin(math.sqrt(getattr(data, f"sin2_theta{ij}"))) for ij in ("12", "23", "13")}
    return angles | {"dm2_21": data.dm2_solar, "dm2_3l": sign * data.dm2_atmospheric}


def scalars(name, own, **chosen):
    model = get_model(name)
    names = {parameter.name for parameter in model.parameters}
    settings = {setting.name: setting.default for setting in model.settings} | chosen
    point = {key: value for key, value in (POINT | own).items() if key in names}
    grid = momentum_grid.averaged() if model.grid_kinds else None
    return model.solve(Problem(point, settings, grid)).observables["scalar"]


@pytest.mark.parametrize("hierarchy", ["normal", "inverted"])
@pytest.mark.parametrize("name", MODELS)
def test_values_of_a_fit_given_one_by_one_are_that_fit(name, hierarchy):
    own = as_parameters(oscillation_data("nufit_6.0", hierarchy))
    one = scalars(name, {}, hierarchy=hierarchy, oscillation_data="nufit_6.0")
    other = scalars(name, own, hierarchy=hierarchy, oscillation_data="nufit_2.0")
    for key, value in one.items():
        assert other[key] == pytest.approx(value, rel=1e-6, nan_ok=True), key


def test_each_that_is_given_replaces_its_own_value_alone():
    settings = {"hierarchy": "normal", "oscillation_data": "nufit_4.0"}
    fit, other = oscillation_data("nufit_4.0", "normal"), as_parameters(oscillation_data("nufit_2.0", "normal"))
    assert light_neutrinos(POINT, settings) is fit
    for name, value in other.items():
        found = as_parameters(light_neutrinos({name: value}, settings))
        assert found == pytest.approx(as_parameters(fit) | {name: value}, rel=1e-12)
    assert set(other) == {parameter.name for parameter in OWN_OSCILLATION_DATA}


CAMPAIGN = """
campaign: own
model: low_energy_constants
parameters:
  delta_M:  {value: 4e-11, unit: GeV}
  re_z:     {value: 1.5, unit: rad}
  im_z:     {value: 1, unit: rad}
  delta:    {value: 1, unit: rad}
  phi:      {value: 1, unit: rad}
  %s
%s
"""


def test_errors_are_drawn_in_the_unit_of_the_file(tmp_path):
    own = "theta_12: {normal: [33.68, 0.7], unit: deg}\n  dm2_21: {normal: [7.5e-5, 2e-6], unit: eV^2}"
    path = tmp_path / "in.yaml"
    path.write_text(CAMPAIGN % (own, "sample: {kind: sobol, points: 1024}"))
    points = read_plan(path).points
    for values, mean, deviation in ((np.degrees(points["theta_12"]), 33.68, 0.7), (points["dm2_21"], 7.5e-5, 2e-6)):
        assert values.mean() == pytest.approx(mean, abs=0.01 * deviation)
        assert values.std() == pytest.approx(deviation, rel=0.01)
        assert np.all(np.abs(values - mean) < 5.001 * deviation)
    assert "theta_23" not in points
    assert abs(np.corrcoef(points["theta_12"], points["dm2_21"])[0, 1]) < 0.02


@pytest.mark.parametrize(
    ("own", "rest", "named"),
    [
        ("dm2_3l: {value: -2.5e-3, unit: eV^2}", "", ["dm2_3l = -0.0025", "m_3^2 - m_1^2 > 0", "normal"]),
        ("dm2_3l: {value: 2.5e-3, unit: eV^2}", "settings: {hierarchy: inverted}", ["m_3^2 - m_2^2 < 0"]),
        ("dm2_3l: {list: [2.5e-3, 5e-5], unit: eV^2}", "", ["5e-05", "|dm2_3l| > dm2_21"]),
        ("theta_12: {value: 0.5, unit: eV^2}", "", ["theta_12.unit", "rad, deg, pi"]),
        ("theta_12: {value: 91, unit: deg}", "", ["theta_12", "0 <= theta_12 <= 90 deg"]),
        ("theta_12: {normal: [33, 1], unit: deg}", "", ["theta_12.normal", "sample"]),
        ("theta_12: {normal: [33, 0], unit: deg}", "sample: {kind: random, points: 4}", ["a standard deviation of 0"]),
        ("theta_13: {normal: [8, 2], unit: deg}", "sample: {kind: random, points: 4}", ["-2 (at 5 deviations) deg"]),
        ("theta_12: {normal: [33], unit: deg}", "sample: {kind: random, points: 4}", ["not 1 number"]),
    ],
)
def test_what_cannot_be_is_named(tmp_path, own, rest, named):
    path = tmp_path / "in.yaml"
    path.write_text(CAMPAIGN % (own, rest))
    with pytest.raises(InputError) as error:
        read_plan(path)
    assert all(text in str(error.value) for text in named), str(error.value)
