"""Low-energy constants: the numbers of arXiv:2004.10766 ("GL") and its identities, and what fine-tuning demands.

Nothing is adjusted: rates, potential and expansion come from first principles.
"""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from hpc_nu.campaign.plan import read_plan
from hpc_nu.models import get_model
from hpc_nu.models.interface import Problem
from hpc_nu.plasma import active_neutrino, vacuum_widths
from hpc_nu.plasma.standard_model import ELECTROWEAK_VEV as V
from hpc_nu.seesaw import casas_ibarra
from hpc_nu.seesaw.low_energy import (
    DELTA_SIGNS,
    averaged_coefficients,
    low_energy_constants,
    yukawa_couplings,
)
from hpc_nu.seesaw.oscillation_data import FIT_NAMES, oscillation_data
from hpc_nu.units import EV2

MASS, TEMPERATURE = 2.0, 0.5
TUNED = 4.0907881e-11
POINT = {
    "M": MASS, "delta_M": TUNED, "re_z": 1.570796327, "im_z": 3.0, "delta": -1.88496, "phi": -0.07037, "T": TEMPERATURE,
}  # fmt: skip
"""Sec. 5 of GL."""

MODEL = get_model("low_energy_constants")
SETTINGS = {setting.name: setting.default for setting in MODEL.settings}
NORMAL = oscillation_data("nufit_2.0", "normal")

DATA = st.builds(oscillation_data, st.sampled_from(FIT_NAMES), st.sampled_from(("normal", "inverted")))
ANGLE = st.floats(-7.0, 7.0)
IM_Z = st.floats(-6.0, 6.0)
SIGN = st.sampled_from(DELTA_SIGNS)


def observe(settings=None, offsets=None, **changes):
    """Scalar observables of the model at the point of sec. 5 with changes."""
    problem = Problem(POINT | changes, SETTINGS | (settings or {}), offsets=offsets or {})
    return MODEL.solve(problem).observables["scalar"]


@cache
def at_half_gev():
    return averaged_coefficients(MASS, TEMPERATURE)


def vacuum():
    averages = at_half_gev()
    return averages._replace(u_thermal=np.zeros(3))


def constants(averages=None, delta_mass=(TUNED, 0.0), re_z=(math.pi / 2, 0.0), im_z=3.0, data=NORMAL, **changes):
    arguments = {"delta": POINT["delta"], "phi": POINT["phi"]} | changes
    averages = at_half_gev() if averages is None else averages
    return low_energy_constants(data, averages, MASS, delta_mass, re_z, im_z, **arguments)


# The numbers of the paper


def test_constants_of_equation_5_1():
    o = observe({"delta_sign": "conjugate"})
    assert o["H_lambda"] == pytest.approx(0.397, rel=0.01)
    assert o["Gamma_H"] == pytest.approx(2.323, rel=0.01)
    assert o["Gamma_osc"] == pytest.approx(-0.800, rel=0.01)
    assert o["Gamma_ratio"] == pytest.approx(-0.800 / 2.323, rel=0.002)


def test_sign_of_the_dirac_phase_that_the_pdg_has_agrees_less_well():
    o = observe()
    assert o == observe({"delta_sign": "pdg"})
    assert o["H_lambda"] == pytest.approx(0.397, rel=0.01)
    assert o["Gamma_H"] == pytest.approx(2.376, rel=1e-3) and o["Gamma_osc"] == pytest.approx(-0.815, rel=1e-3)


def test_thermal_correction_is_what_lifts_h_lambda_to_the_value_of_the_paper():
    """Type (iii) of sec. 3: a relative change of U+ by 1.2e-9, of the sign of Noetzold and Raffelt."""
    o = observe()
    assert o["H_lambda_vacuum"] == pytest.approx(0.3437, abs=2e-4)
    relative = at_half_gev().u_thermal / (V**2 / 2 * at_half_gev().inverse_energy)
    np.testing.assert_allclose(relative, [1.2255e-9, 1.2218e-9, 6.433e-10], rtol=1e-3)


def test_helicity_asymmetry_of_the_rates():
    o = observe()
    ratios = [o[f"Q_ratio_{name}"] for name in ("e", "mu", "tau")]
    np.testing.assert_allclose(ratios, [-0.6754, -0.6756, -0.7044], atol=2e-4)


@pytest.mark.parametrize(
    "colours, gamma_h, gamma_osc", [(2.0, 2.139, -0.731), (2.5, 2.438, -0.837), (3.0, 2.737, -0.943)]
)
def test_dependence_on_the_number_of_colours(monkeypatch, colours, gamma_h, gamma_osc):
    """Values of an independent implementation; its expansion rate is 0.2 % lower."""
    monkeypatch.setattr(active_neutrino, "effective_colours", lambda t: np.full_like(np.asarray(t, float), colours))
    averages = averaged_coefficients(MASS, TEMPERATURE)
    found, expansion = constants(averages), observe()["expansion"]
    assert found.gamma_h / expansion == pytest.approx(gamma_h, rel=3e-3)
    assert found.gamma_osc / expansion == pytest.approx(gamma_osc, rel=3e-3)
    np.testing.assert_allclose(averages.q_minus / averages.q_plus, [-0.676, -0.676, -0.704], atol=4e-3)


def test_interaction_rate_of_figure_1():
    def gamma_h(im_z):
        return observe(im_z=im_z)["Gamma_H"]

    assert gamma_h(0.0) == pytest.approx(0.0116, rel=0.01)
    assert brentq(lambda x: gamma_h(x) - 0.2, 0.0, 6.0) == pytest.approx(1.762, abs=2e-3)
    assert brentq(lambda x: gamma_h(x) - 5.0, 0.0, 6.0) == pytest.approx(3.372, abs=2e-3)


@pytest.mark.parametrize("hierarchy", ["normal", "inverted"])
def test_interaction_rate_is_fixed_by_im_z_alone(hierarchy):
    """Fig. 1: "near-perfect correlation", within 10 % that are due to the mass of the tau; and it is a cosh."""
    settings, phases = {"hierarchy": hierarchy}, np.linspace(-3, 3, 7)
    for im_z in (0.0, 3.0):
        rates = [observe(settings, im_z=im_z, delta=d, phi=p)["Gamma_H"] for d in phases for p in phases]
        assert np.ptp(rates) / np.mean(rates) < 0.2
    far, near = observe(settings, im_z=5.0)["Gamma_H"], observe(settings, im_z=3.0)["Gamma_H"]
    assert far / near == pytest.approx(math.cosh(10) / math.cosh(6), rel=1e-3)


# Yukawa couplings


@given(DATA, ANGLE, IM_Z, ANGLE, ANGLE, SIGN, st.floats(0.0, 1.0))
def test_flavour_sums_are_those_of_equation_4_4(data, re_z, im_z, delta, phi, sign, delta_mass):
    h = np.array(yukawa_couplings(data, MASS, delta_mass, complex(re_z, im_z), delta, phi, sign))
    lighter, heavier = data.light_masses
    difference, total = heavier - lighter, heavier + lighter
    m_2, m_3 = MASS - delta_mass / 2, MASS + delta_mass / 2
    mean = total * math.cosh(2 * im_z)
    mixed = math.sqrt(m_2 * m_3) * (difference * math.sin(2 * re_z) + 1j * total * math.sinh(2 * im_z))
    expected = [
        [m_2 * (mean - difference * math.cos(2 * re_z)), mixed],
        [mixed.conjugate(), m_3 * (mean + difference * math.cos(2 * re_z))],
    ]
    np.testing.assert_allclose(V**2 * h @ h.conj().T, expected, atol=1e-13 * MASS * mean)


@given(DATA, ANGLE, st.floats(-3, 3), ANGLE, ANGLE, st.floats(0.0, 1.0))
def test_seesaw_gives_back_the_light_neutrino_masses(data, re_z, im_z, delta, phi, delta_mass):
    """-m_D^T M^-1 m_D with m_D = h v/sqrt(2) is V^* diag(m_1, m_2 e^(-2i phi), m_3) V^dagger: eq. (4.3)."""
    h = np.array(yukawa_couplings(data, MASS, delta_mass, complex(re_z, im_z), delta, phi))
    found = -(V**2) / 2 * h.T @ np.diag([1 / (MASS - delta_mass / 2), 1 / (MASS + delta_mass / 2)]) @ h
    u = data.pmns(delta, 0.0).conj()
    phases = np.array([1, np.exp(-2j * phi), 1])
    np.testing.assert_allclose(found, (u * data.masses * phases) @ u.T, atol=1e-13 * data.masses.max() * math.exp(6))


@given(st.sampled_from(FIT_NAMES), st.floats(-3, 3), st.floats(-3, 3), ANGLE, ANGLE)
def test_couplings_of_the_inverted_hierarchy_are_equation_4_2_with_the_matrices_as_printed(fit, re_z, im_z, delta, phi):
    data, z = oscillation_data(fit, "inverted"), complex(re_z, im_z)
    p = np.array([[1, 0, 0], [0, np.exp(-1j * phi), 0]])
    r = np.array([[np.cos(z), np.sin(z)], [-np.sin(z), np.cos(z)]])
    expected = -1j * math.sqrt(2 * MASS) / V * r @ p @ np.diag(np.sqrt(data.masses)) @ data.pmns(delta, 0.0).conj().T
    h = yukawa_couplings(data, MASS, 0.0, z, delta, phi)
    np.testing.assert_allclose(h, expected, atol=1e-13 * np.abs(expected).max())


@given(DATA, ANGLE, st.floats(-3, 3), ANGLE, ANGLE)
def test_couplings_are_those_of_the_other_models(data, re_z, im_z, delta, phi):
    """h^* = i F^T with omega = -z^*, eta = phi: one Casas-Ibarra parametrisation, two ways to write it."""
    h = np.array(yukawa_couplings(data, MASS, 0.0, complex(re_z, im_z), delta, phi))
    f = casas_ibarra.yukawa_couplings(data, MASS, delta, phi, -re_z, im_z)
    np.testing.assert_allclose(h.conj(), 1j * f.T, atol=1e-13 * np.abs(f).max())


# Vacuum: sec. 4.2 of GL


@given(DATA, st.floats(1.0, 2.0), st.floats(-3.0, 3.0))
def test_minimum_over_delta_m(data, re_z, im_z):
    """Eqs. (4.9)-(4.12), without thermal corrections."""
    lighter, heavier = data.light_masses
    difference, enhanced = heavier - lighter, (heavier + lighter) * math.cosh(2 * im_z)
    optimum = (
        -2 * difference * MASS * math.cos(2 * re_z) * (2 * MASS + enhanced)
        / ((2 * MASS + enhanced) ** 2 - difference**2 * math.sin(2 * re_z) ** 2)
    )  # fmt: skip
    at = constants(vacuum(), (optimum, 0.0), (re_z, 0.0), im_z, data)
    energy = difference * MASS * vacuum().inverse_energy / 2
    assert at.h_lambda == at.h_lambda_vacuum
    assert at.h_lambda == pytest.approx(energy * abs(math.sin(2 * re_z)), rel=1e-6, abs=1e-12 * energy)
    assert at.detuning == pytest.approx(0.0, abs=1e-15 * difference)
    for step in (-1e-3, 1e-3):
        beside = constants(vacuum(), (optimum, step * difference), (re_z, 0.0), im_z, data)
        assert beside.h_lambda > at.h_lambda
        assert beside.detuning == pytest.approx(step * difference, rel=1e-6)


def test_cold_limit():
    """No thermal corrections and no helicity asymmetry are left, and the rates are those of decay: Gamma M/omega."""
    averages = averaged_coefficients(MASS, 0.01)
    assert np.all(np.abs(averages.q_minus) < 1e-6 * averages.q_plus)
    assert np.all(averages.u_thermal < 1e-15 * V**2 * averages.inverse_energy)
    # N_e-like: all neutrinos, e e, mu mu (neutral currents), e mu (charged current), quarks; of unit mixing.
    massless, (own, other), right = vacuum_widths.massless_width(MASS), (0.5 + 0.23121, -0.5 + 0.23121), 0.23121
    charged = 1 - 8 * (0.10566 / MASS) ** 2
    leptons = massless * (1 + own**2 + right**2 + other**2 + right**2 + charged)
    width = leptons + vacuum_widths.quark_width(0, MASS)  # as of a Dirac particle: Q+ is half of the Majorana one
    decay = V**2 / (2 * MASS) * averages.inverse_energy * width
    assert averages.q_plus[0] == pytest.approx(decay, rel=3e-3)


# Fine-tuning


def literal_constants(offset_m, offset_z, im_z):
    """H_22 and H_23 as eq. (3.1) of GL is printed, from Yukawa couplings, in extended precision."""
    real, imaginary = np.longdouble, np.clongdouble
    averages = at_half_gev()
    delta_mass, v = real(TUNED) + real(offset_m), real(V)
    z = real(math.pi / 2) + real(offset_z) + imaginary(1j) * real(im_z)
    a, b = (np.sqrt(real(square) * real(EV2)) for square in (NORMAL.dm2_solar, NORMAL.dm2_atmospheric))
    s = np.sqrt(np.array([NORMAL.sin2_theta12, NORMAL.sin2_theta13, NORMAL.sin2_theta23], dtype=real))
    (s12, s13, s23), (c12, c13, c23) = s, np.sqrt(1 - s**2)
    phase = np.exp(imaginary(1j) * real(POINT["delta"]))
    second = np.array([s12 * c13, c12 * c23 - s12 * s23 * s13 * phase, -c12 * s23 - s12 * c23 * s13 * phase])
    third = np.array([s13 / phase, s23 * c13, c23 * c13])
    second = np.exp(-imaginary(1j) * real(POINT["phi"])) * np.sqrt(a) * second.conj()
    third = np.sqrt(b) * third.conj()
    h_2 = np.sqrt(MASS - delta_mass / 2) * (np.cos(z) * second + np.sin(z) * third) * np.sqrt(real(2)) / v
    h_3 = np.sqrt(MASS + delta_mass / 2) * (np.cos(z) * third - np.sin(z) * second) * np.sqrt(real(2)) / v
    inverse_energy = real(averages.inverse_energy)
    u = -(v**2) / 2 * inverse_energy + averages.u_thermal.astype(real)
    diagonal = -delta_mass * MASS * inverse_energy - np.sum((np.abs(h_2) ** 2 - np.abs(h_3) ** 2) * u)
    return diagonal / 2, np.sum((h_2 * h_3.conj()).real * u)


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 2e-19, reason="no extended precision on this platform")
@pytest.mark.parametrize("offset_m, offset_z, im_z", [(0, 0, 0), (7e-18, -7e-8, 1), (-7e-18, 7e-8, 3), (-4e-17, 0, 6)])
def test_cancellation_is_that_of_the_printed_equation(offset_m, offset_z, im_z):
    expansion = observe()["expansion"]
    found = constants(None, (TUNED, offset_m), (math.pi / 2, offset_z), im_z)
    diagonal, mixed = literal_constants(offset_m, offset_z, im_z)
    tolerance = 3e-8 + 1e-9 * math.cosh(2 * im_z)  # what is left of the extended precision
    assert found.h_diagonal / expansion == pytest.approx(float(diagonal) / expansion, abs=tolerance)
    assert found.h_mixed / expansion == pytest.approx(float(mixed) / expansion, abs=tolerance)


def test_window_is_smooth_where_masses_would_be_quantised():
    offsets = np.linspace(-7e-18, 7e-18, 1001)
    assert len(np.unique((MASS + (TUNED + offsets) / 2) - (MASS - (TUNED + offsets) / 2))) == 1
    for im_z in (0.0, 6.0):
        h = np.array([constants(None, (TUNED, offset), im_z=im_z).h_diagonal for offset in offsets])
        assert np.all(np.diff(h) < 0)
        assert np.max(np.abs(np.diff(h, 2))) < 1e-9 * abs(h[1] - h[0])  # linear but for rounding


def test_offsets_below_the_resolution_of_their_sum_count():
    slope = observe(offsets={"delta_M": (TUNED, 7e-18)})["H_diagonal"] - observe()["H_diagonal"]
    optimum = -observe(re_z=math.pi / 2)["detuning"]  # where the terms cancel to rounding
    tiny = 1e-28
    assert TUNED + (optimum + tiny) == TUNED + optimum and optimum + tiny != optimum
    values = [
        observe(re_z=math.pi / 2, offsets={"delta_M": (TUNED, optimum + step)})["H_diagonal"] for step in (-tiny, tiny)
    ]
    assert values[1] - values[0] == pytest.approx(2 * tiny / 7e-18 * slope, rel=1e-3)
    tiny = 1e-17
    assert math.pi / 2 + tiny == math.pi / 2
    values = [observe(offsets={"re_z": (math.pi / 2, step)})["H_mixed"] for step in (-tiny, 0.0, tiny)]
    assert values[2] - values[1] == pytest.approx(values[1] - values[0], rel=1e-3) and values[2] != values[1]


def test_offsets_of_an_input_file_reach_the_model():
    plan = read_plan(Path(__file__).parents[2] / "inputs" / "low_energy_constants_fig2_normal.yaml")
    problem = plan.problem(17)
    about, offset = problem.tuned("delta_M")
    assert about == TUNED and 0 < abs(offset) < 1e-17 and problem.point["delta_M"] == about + offset
    assert problem.tuned("re_z")[0] == math.pi / 2 and problem.tuned("im_z") == (problem.point["im_z"], 0.0)
    with_offsets = MODEL.solve(problem).observables["scalar"]["H_diagonal"]
    with_sums = MODEL.solve(replace(problem, offsets={})).observables["scalar"]["H_diagonal"]
    assert with_offsets == pytest.approx(with_sums, abs=1e-7) and with_offsets != with_sums


def test_h_lambda_is_smallest_near_half_a_gev():
    """Sec. 4.2: the vacuum part falls with T and the thermal part rises; the sum has a minimum at 0.2-0.5 GeV."""
    changes = {"re_z": math.pi / 2 + 8e-9, "im_z": 0.0, "delta_M": float(np.subtract(*NORMAL.light_masses[::-1]))}
    h = {t: observe(T=t, **changes)["H_lambda"] for t in (0.2, 0.5, 1.5)}
    assert h[0.5] < h[0.2] and h[0.5] < h[1.5] and h[0.5] < 1


def test_h_lambda_over_temperature_at_the_point_of_section_5():
    """Another implementation has its minimum, 0.281, at 0.71 GeV, with either sign of delta."""
    temperatures = np.geomspace(0.4, 1.2, 23)
    for sign in DELTA_SIGNS:
        h = np.array([observe({"delta_sign": sign}, T=float(t))["H_lambda"] for t in temperatures])
        lowest = int(np.argmin(h))
        assert h[lowest] == pytest.approx(0.281, abs=1e-3)
        assert temperatures[lowest] == pytest.approx(0.71, rel=0.04)


# Symmetries


@given(DATA, ANGLE, IM_Z, ANGLE, ANGLE, SIGN)
def test_complex_conjugate_couplings(data, re_z, im_z, delta, phi, sign):
    """z, delta, phi -> z^*, -delta, -phi is h -> -h^*: the CP-odd constant alone changes sign."""
    scale = data.light_masses[1] - data.light_masses[0]
    arguments = {"data": data, "delta_mass": (scale, 0.0), "re_z": (re_z, 0.0), "delta_sign": sign}
    one = constants(im_z=im_z, delta=delta, phi=phi, **arguments)
    other = constants(im_z=-im_z, delta=-delta, phi=-phi, **arguments)
    np.testing.assert_allclose(other[:5], one[:5], rtol=1e-12)
    assert other.gamma_osc == pytest.approx(-one.gamma_osc, rel=1e-9, abs=1e-12 * one.gamma_h)


@given(ANGLE, IM_Z, ANGLE, ANGLE, SIGN)
def test_signs_of_the_fields(re_z, im_z, delta, phi, sign):
    """Re z -> Re z + pi is h -> -h; phi -> phi + pi with z -> -z is h_2 -> -h_2, and the products h_2 h*_3 with it."""
    one = constants(re_z=(re_z, 0.0), im_z=im_z, delta=delta, phi=phi, delta_sign=sign)
    turned = constants(re_z=(re_z, math.pi), im_z=im_z, delta=delta, phi=phi, delta_sign=sign)
    opposite = constants(re_z=(-re_z, 0.0), im_z=-im_z, delta=delta, phi=phi + math.pi, delta_sign=sign)
    scale = at_half_gev().inverse_energy * MASS * TUNED
    np.testing.assert_allclose(turned[:4], one[:4], atol=1e-12 * scale)
    np.testing.assert_allclose(turned[4:6], one[4:6], rtol=1e-9, atol=1e-9 * abs(one.gamma_h))
    np.testing.assert_allclose(opposite[:4], np.array(one[:4]) * [1, -1, 1, 1], atol=1e-12 * scale)
    np.testing.assert_allclose(opposite[4:6], np.array(one[4:6]) * [1, -1], rtol=1e-9, atol=1e-9 * one.gamma_h)


def test_the_two_conventions_of_the_dirac_phase_are_mirror_images():
    one, other = observe({"delta_sign": "pdg"}), observe({"delta_sign": "conjugate"}, delta=-POINT["delta"])
    assert one == other
