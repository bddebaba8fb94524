"""Physical mass splitting and oscillation temperature: arXiv:2011.12637 ("EST"), eqs. (4.5)-(4.9)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpc_nu.plasma.standard_model import ELECTROWEAK_VEV
from hpc_nu.seesaw.averaged_rates import averaged_rates
from hpc_nu.seesaw.casas_ibarra import yukawa_couplings
from hpc_nu.seesaw.damping import crossings, oscillation_temperature
from hpc_nu.seesaw.mass_splitting import (
    hamiltonian_vector,
    mass_splitting,
    oscillation_rate,
    vacuum_splitting_vector,
)
from hpc_nu.seesaw.oscillation_data import FIT_NAMES, oscillation_data
from hpc_nu.seesaw.thermal_rates import thermal_rates

DATA = st.builds(oscillation_data, st.sampled_from(FIT_NAMES), st.sampled_from(("normal", "inverted")))
ANGLE, DELTA_MASS = st.floats(-7.0, 7.0), st.floats(0.0, 1e-10)
NORMAL = oscillation_data("nufit_3.2", "normal")
M_0 = 7.12e17
"""H = T^2/M_0 [GeV], with g_* = 106.75."""


def difference(data):
    light, heavy = data.light_masses
    return heavy - light


def published(data, delta_mass, re_omega):
    """Eq. (4.8)."""
    m = difference(data)
    return math.sqrt(delta_mass**2 + delta_mass * m * math.cos(2 * re_omega) + m**2 / 4)


def literal_splitting(yukawas, mass, delta_mass, energy, h_c, h_v):
    """Eq. (4.7) from the eigenvalues of H_N."""
    matrices = np.einsum("ai,aj->aij", yukawas.conj(), yukawas)
    hamiltonian = -delta_mass * mass / energy * np.diag([1.0, -1.0]) + np.einsum("a,aij->ij", h_c, matrices)
    lower, upper = np.linalg.eigvalsh(hamiltonian + np.einsum("a,aij->ij", h_v, matrices.conj()))
    return energy / (2 * mass) * (upper - lower)


@given(DATA, DELTA_MASS, ANGLE)
def test_in_vacuum_the_splitting_is_eq_4_8(data, delta_mass, re_omega):
    vector = vacuum_splitting_vector(data, (delta_mass, 0.0), (re_omega, 0.0))
    scale = delta_mass + difference(data)
    expected = published(data, delta_mass, re_omega)
    assert np.linalg.norm(vector) ** 2 == pytest.approx(expected**2, rel=1e-12, abs=1e-14 * scale**2)


@given(DATA, st.floats(0.1, 30.0), DELTA_MASS, ANGLE, ANGLE, ANGLE, st.floats(-3.0, 3.0), st.integers(0, 99))
def test_the_splitting_is_that_of_the_eigenvalues(data, mass, delta_mass, re_omega, delta, eta, im_omega, seed):
    """With a Hamiltonian of any size that differs between flavours and between helicities."""
    energy = 1.7 * mass
    vacuum = ELECTROWEAK_VEV**2 / (4 * energy)
    shift_c, shift_v = vacuum * np.random.default_rng(seed).normal(size=(2, 3))
    yukawas = yukawa_couplings(data, mass, delta, eta, re_omega, im_omega)
    found = mass_splitting(
        hamiltonian_vector(
            shift_c, shift_v, mass / energy, yukawas, vacuum_splitting_vector(data, (delta_mass, 0.0), (re_omega, 0.0))
        ),
        mass / energy,
    )
    expected = literal_splitting(yukawas, mass, delta_mass, energy, vacuum + shift_c, vacuum + shift_v)
    scale = delta_mass + difference(data) * math.cosh(2 * im_omega)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12 * max(scale, 1e-11 * math.cosh(2 * im_omega)))


@pytest.mark.parametrize("delta_mass", [1e-11, 2.06e-11])
@pytest.mark.parametrize("re_omega", [0.1, 0.4 * np.pi])
@pytest.mark.parametrize("im_omega", [0.0, 3.0])
def test_the_cold_limit_is_eq_4_8(delta_mass, re_omega, im_omega):
    """From the rates themselves, in the limit T -> 0, to 12 digits; and that includes their averages."""
    mass = 2.0
    rates = averaged_rates(thermal_rates, mass, np.array([1e-3]), n_nodes=12)
    yukawas = yukawa_couplings(NORMAL, mass, 0.7, 0.3, re_omega, im_omega)
    vector = vacuum_splitting_vector(NORMAL, (delta_mass, 0.0), (re_omega, 0.0))
    h = hamiltonian_vector(rates.shift_c, rates.shift_v, rates.mass_over_energy, yukawas, vector)
    splitting = mass_splitting(h, rates.mass_over_energy)
    assert splitting[0] == pytest.approx(published(NORMAL, delta_mass, re_omega), rel=1e-12)


def test_the_cancellation_of_eq_4_8_is_exact():
    """At Re w = pi/2, Delta M = (m_h - m_l)/2 nothing is left, and offsets below the resolution of the sum count."""
    tuned = difference(NORMAL) / 2
    for offset in (0.0, 1e-30, -3e-29):
        vector = vacuum_splitting_vector(NORMAL, (tuned, offset), (np.pi / 2, 0.0))
        assert abs(vector[2] + offset) < 1e-42
    offset = 1e-20
    vector = vacuum_splitting_vector(NORMAL, (tuned, 0.0), (np.pi / 2, offset))
    assert vector[0] - vacuum_splitting_vector(NORMAL, (tuned, 0.0), (np.pi / 2, 0.0))[0] == pytest.approx(
        tuned * 2 * offset, rel=1e-3
    )


def test_no_cancellation_means_oscillations_above_180_gev():
    """Eq. (4.9): T_osc > 180 GeV (M/GeV)^(1/3), if delta M > m_atm/2 with m_atm = 5e-11 GeV, and g_* is constant."""
    temperature = np.geomspace(1e4, 10.0, 91)
    hubble = temperature**2 / M_0
    for mass in (1.0, 10.0):
        ratio = oscillation_rate(2.5e-11, mass, temperature) / hubble
        found = oscillation_temperature(temperature, ratio)
        assert found == pytest.approx((mass * 2.5e-11 * M_0 / 3) ** (1 / 3), rel=1e-9)  # (4.6)
        assert found == pytest.approx(180 * mass ** (1 / 3), rel=0.01)


def test_the_oscillation_temperature_is_where_the_rate_overtakes_expansion_first():
    temperature = np.geomspace(1e4, 1.0, 200)
    x = np.log(temperature)
    ratio = np.exp(-(x - np.log(100)) * (x - np.log(30)) * (x - np.log(3)) / 5)
    upward, downward = crossings(temperature, ratio)
    np.testing.assert_allclose(upward, [100, 3], rtol=1e-3)
    np.testing.assert_allclose(downward, [30], rtol=1e-3)
    assert oscillation_temperature(temperature[::-1], ratio[::-1]) == upward[0]
    assert np.isnan(oscillation_temperature(temperature, np.full(200, 2.0)))
