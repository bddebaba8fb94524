"""Asymmetries from explicit couplings: those of Casas and Ibarra give what `lepton_asymmetry` gives."""

from pathlib import Path

import numpy as np
import pytest
from lepton_asymmetry_points import FREEZE_IN, NAMES

from hpc_nu.campaign.plan import read_plan
from hpc_nu.models import get_model
from hpc_nu.models.interface import Problem, SolverSettings
from hpc_nu.seesaw.casas_ibarra import yukawa_couplings
from hpc_nu.seesaw.oscillation_data import oscillation_data
from hpc_nu.solver import momentum_grid

EXPLICIT, CASAS_IBARRA = get_model("lepton_asymmetry_couplings"), get_model("lepton_asymmetry")
GRIDS = [momentum_grid.averaged(), momentum_grid.gauss_legendre(8)]
INPUTS = Path(__file__).parents[2] / "inputs"
SOLVER = SolverSettings(rtol=1e-6)


def defaults(model):
    return {setting.name: setting.default for setting in model.settings}


def couplings(yukawas):
    """Parameters of the explicit model."""
    entries = {f"{flavour}{i + 2}": yukawas[a, i] for a, flavour in enumerate(("e", "mu", "tau")) for i in range(2)}
    moduli = {f"F_{name}": abs(value) for name, value in entries.items()}
    return moduli | {f"F_{name}_phase": float(np.angle(value)) for name, value in entries.items()}


def of_casas_ibarra(point):
    data = oscillation_data("nufit_3.2", "normal")
    arguments = (point[name] for name in ("M", "delta", "eta", "re_omega", "im_omega"))
    return {"M": point["M"], "delta_M": point["delta_M"]} | couplings(yukawa_couplings(data, *arguments))


def solve(model, point, grid, temperatures=(), **chosen):
    problem = Problem(point, defaults(model) | chosen, grid, np.array(temperatures, float), solver=SOLVER)
    outcome = model.solve(problem)
    assert outcome.code.name == "DONE", outcome.message
    return outcome.observables


@pytest.mark.parametrize("grid", GRIDS, ids=["averaged", "8 modes"])
def test_couplings_of_casas_ibarra_give_the_same(grid):
    expected = solve(CASAS_IBARRA, FREEZE_IN, grid, [100.0])
    found = solve(EXPLICIT, of_casas_ibarra(FREEZE_IN), grid, [100.0])
    for name in (*NAMES, "Y_B", "Y_N_2"):
        assert found["scalar"][name] == pytest.approx(expected["scalar"][name], rel=1e-8), name
    for name, value in expected["trajectory"].items():
        np.testing.assert_allclose(found["trajectory"][name], value, rtol=1e-6, err_msg=name)


def test_a_common_phase_of_a_row_changes_nothing():
    """It is a phase of the lepton doublet."""
    point = of_casas_ibarra(FREEZE_IN)
    turned = point | {f"F_mu{i}_phase": point[f"F_mu{i}_phase"] + 0.7 for i in (2, 3)}
    first, second = (solve(EXPLICIT, p, GRIDS[1])["scalar"] for p in (point, turned))
    for name in (*NAMES, "Y_B"):
        assert second[name] == pytest.approx(first[name], rel=1e-6)


def test_complex_conjugation_changes_the_sign_of_all_asymmetries():
    point = of_casas_ibarra(FREEZE_IN)
    conjugate = point | {name: -value for name, value in point.items() if name.endswith("phase")}
    first, second = (solve(EXPLICIT, p, GRIDS[1])["scalar"] for p in (point, conjugate))
    for name in (*NAMES, "Y_B", "Y_Delta_N"):
        assert second[name] == pytest.approx(-first[name], rel=1e-9)
    assert second["Y_N_2"] == pytest.approx(first["Y_N_2"], rel=1e-9)


@pytest.mark.parametrize("grid", GRIDS, ids=["averaged", "8 modes"])
def test_a_thermal_start_is_one_without_a_source(grid):
    """In equilibrium at the start, what drives the asymmetries is the expansion alone, at T ~ M: little at T >> M.

    (With g_*(T), n_eq/s changes by 3 % until 100 GeV, and what is not yet in equilibrium does not follow.)
    """
    point, chosen = of_casas_ibarra(FREEZE_IN), {"T_end": 100.0, "expansion": "constant_gstar"}
    nothing, half, thermal = (
        solve(EXPLICIT, point, grid, [1e4, 100.0], initial_abundance=r, **chosen) for r in (0.0, 0.5, 1.0)
    )
    for found, r in ((nothing, 0.0), (half, 0.5), (thermal, 1.0)):
        assert found["trajectory"]["Y_N_2"][0] == pytest.approx(r * found["trajectory"]["Y_N_eq"][0], abs=1e-12)
    assert thermal["trajectory"]["Y_N_2"][1] == pytest.approx(thermal["trajectory"]["Y_N_eq"][1], rel=1e-3)
    for name in NAMES:  # linear equations: half of the start gives half of what no start gives
        assert abs(thermal["scalar"][name]) < 1e-2 * abs(nothing["scalar"][name])
        mean = (nothing["scalar"][name] + thermal["scalar"][name]) / 2
        assert half["scalar"][name] == pytest.approx(mean, rel=1e-4)


def test_masses_may_differ_by_a_tenth_and_no_more():
    point = {name: np.array([value]) for name, value in of_casas_ibarra(FREEZE_IN).items()}
    assert not EXPLICIT.check_points(defaults(EXPLICIT), point | {"delta_M": np.array([0.1])}, np.empty(0))
    [problem] = EXPLICIT.check_points(defaults(EXPLICIT), point | {"delta_M": np.array([0.11])}, np.empty(0))
    assert "delta_M = 0.11 GeV with M = 2 GeV" in problem and "at most 0.1 M" in problem


def test_what_no_table_covers_is_refused_with_what_to_do():
    point = {name: np.array([value]) for name, value in of_casas_ibarra(FREEZE_IN).items()}
    heavy = point | {"M": np.array([31.6])}
    [problem] = EXPLICIT.check_points(defaults(EXPLICIT), heavy, np.empty(0))
    assert "M = 31.6 GeV: self_energy = default goes up to 30 GeV; expected self_energy = this_mass" in problem
    this_mass = defaults(EXPLICIT) | {"self_energy": "this_mass"}
    assert not EXPLICIT.check_points(this_mass, heavy, np.empty(0))
    [problem] = EXPLICIT.check_points(this_mass, point | {"M": np.array([40.0])}, np.empty(0))
    assert "below 40 GeV" in problem
    nothing = point | {name: np.zeros(1) for name in point if name.startswith("F_")}
    [problem] = EXPLICIT.check_points(defaults(EXPLICIT), nothing, np.empty(0))
    assert "all Yukawa couplings" in problem


@pytest.mark.parametrize(("card", "peer"), [("i", -2.4917e-12), ("ii", -4.3562e-12)])
def test_benchmark_points_are_within_the_spread_of_the_codes(card, peer):
    """Peer: ULYSSES 3.0.1, its momentum-averaged model BEARS on the same card; other rates, other g_*."""
    plan = read_plan(INPUTS / f"benchmark_bmc_{card}.yaml")
    averaged = plan.model.solve(plan.problem(0)).observables["scalar"]["Y_B"]
    assert 0.5 < averaged / peer < 2.0
