"""The width of active neutrinos in Fermi theory: closed forms, vacuum, published opacities, regression values.

Regression values come from an independent implementation of the same integrals.
"""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit

from hpc_nu.plasma import fermi_theory, vacuum_widths
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.fermi_kernel import (
    CHIRAL,
    INTERFERENCE,
    clustered_rule,
    meson_integral,
    scattering_integral,
    thermal_cut,
    two_body_energies,
)

E, MU, TAU = 0, 1, 2
MEV = 1e-3
RULE, FINE_RULE = clustered_rule(16), clustered_rule(32)

# Gamma_h/(G_F^2 T^5) of massless fermions: M/T -> rows of k/T, Gamma_-, Gamma_+.
MASSLESS_KERNEL = {
    0: [
        (0.01, 1.044186e-2, 5.227988e-3),
        (0.1, 0.1018199, 0.05160386),
        (0.3, 0.2901678, 0.1511240),
        (1, 0.8480132, 0.4865854),
        (3, 2.285840, 1.720254),
        (10, 7.929927, 11.44651),
        (30, 24.23111, 81.60805),
    ],
    0.5: [(0.1, 0.3997696, 0.3567482), (1, 0.9303101, 0.5807839), (3, 2.331356, 1.772879), (10, 7.961658, 11.48775)],
    2: [(0.1, 1.584508, 1.556561), (1, 1.858247, 1.599424), (3, 3.003964, 2.559733), (10, 8.438699, 12.17851)],
    4: [
        (0.1, 4.206051, 4.200439),
        (1, 4.341571, 4.297199),
        (3, 5.145457, 5.259818),
        (10, 10.01130, 15.39038),
        (30, 25.96559, 88.63250),
    ],
    10: [(0.1, 45.49471, 46.11422), (1, 42.93013, 49.13065), (3, 38.45974, 57.18918), (10, 32.27986, 98.68162)],
}

# 64 I_h: (k, M, leg, m_1, m_2, W), in units of T.
MASSIVE = [
    ((3, 4, 0.2, 0, 0.2, CHIRAL), (5.119904, 5.230255)),
    ((3, 4, 3.5, 0.2, 2.5, CHIRAL), (1.919709, 2.013310)),
    ((3, 0, 1, 0, 2, CHIRAL), (1.666963, 1.257947)),
    ((3, 4, 0, 2, 2, INTERFERENCE), (0.02956985, -0.3383792)),
    ((1, 10, 0, 3, 3, INTERFERENCE), (2.439250, 2.869543)),
]

# Flavour, k, M, T [GeV]: Gamma_-, Gamma_+ [GeV].
FULL = [
    (E, 1.5, 2, 0.5, 1.9316e-10, 1.9748e-10),
    (MU, 1.5, 2, 0.5, 1.9291e-10, 1.9715e-10),
    (TAU, 1.5, 2, 0.5, 1.3567e-10, 1.2848e-10),
    (E, 3, 1, 1, 3.5882e-9, 2.8393e-9),
    (E, 6, 2, 2, 1.2562e-7, 9.910e-8),
    (TAU, 6, 2, 2, 1.2182e-7, 9.605e-8),
]


def integral(k, mass, leg, first, second, kind, rule=RULE):
    return np.array(scattering_integral(float(k), float(mass), float(leg), float(first), float(second), kind, rule))


def vacuum_ratio(width_in_units_of_t, dirac_width, momentum, mass, temperature):
    """Gamma_h [T] over the one that belongs to a vacuum width [GeV]."""
    return width_in_units_of_t * temperature / vacuum_widths.helicity_widths(dirac_width, momentum, mass)


# --- the cut of the loop ---


@pytest.mark.parametrize("masses", [(0.0, 0.0), (1.3, 0.0), (0.7, 0.7), (2.0, 0.6)])
@pytest.mark.parametrize("momenta", [(0.3, 2.1), (1.0, 1.05), (2.5, 2.2), (1.9, 0.6), (4.0, 1.5), (1e-4, 0.8)])
def test_the_closed_form_of_the_loop_is_its_phase_space_integral(momenta, masses):
    (q0, q), (m1, m2) = momenta, masses
    shell = q0**2 - q**2
    kallen = (shell - (m1 + m2) ** 2) * (shell - (m1 - m2) ** 2)
    ends = [(q0 * (shell + m1**2 - m2**2) + s * q * np.sqrt(max(kallen, 0.0))) / (2 * shell) for s in (-1, 1)]

    def distribution(x):
        return expit(-x)

    def transition(energy):  # heavy particle of this energy -> light one + Q, gain minus loss
        return distribution(energy - q0) - distribution(energy)

    if shell > (m1 + m2) ** 2:
        expected = quad(lambda x: 1 - distribution(x) - distribution(q0 - x), *ends, epsabs=0, epsrel=1e-11)[0]
    elif shell < 0:
        starts = max(ends), q0 - min(ends)
        expected = -sum(quad(transition, start, start + 60, epsabs=0, epsrel=1e-11)[0] for start in starts)
    elif shell < (m1 - m2) ** 2:
        expected = -quad(transition, *ends, epsabs=0, epsrel=1e-11, limit=200)[0]
    else:
        expected = 0.0
    assert thermal_cut(q0, q, m1, m2) == pytest.approx(expected / (8 * np.pi * q), rel=1e-8, abs=1e-15)


# --- regression ---


@pytest.mark.parametrize("mass", MASSLESS_KERNEL)
def test_massless_kernel_has_the_values_of_an_independent_implementation(mass):
    momenta, *expected = np.transpose(MASSLESS_KERNEL[mass])
    np.testing.assert_allclose(fermi_theory.massless_kernel(momenta, mass), np.transpose(expected), rtol=5e-6)


@pytest.mark.parametrize(("arguments", "expected"), MASSIVE)
def test_massive_integrals_have_the_values_of_an_independent_implementation(arguments, expected):
    np.testing.assert_allclose(64 * integral(*arguments), expected, rtol=2e-6)


@pytest.mark.parametrize("row", FULL)
def test_widths_have_the_values_of_an_independent_implementation(row):
    flavour, momentum, mass, temperature, *expected = row
    width = fermi_theory.active_neutrino_width(momentum, mass, temperature, (flavour,))
    np.testing.assert_allclose(width[0], expected, rtol=2e-4)


def test_effective_colours_follow_the_lattice_pressure():
    temperature = np.array([0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 4])
    expected = [0, 0.157, 0.38, 0.93, 1.77, 2.401, 2.755, 2.890, 2.948]
    np.testing.assert_allclose(fermi_theory.effective_colours(temperature), expected, atol=6e-3)
    dense = fermi_theory.effective_colours(np.geomspace(0.01, 100, 4000))
    assert np.all((dense >= 0) & (dense <= 3)) and np.max(np.abs(np.diff(dense))) < 0.03


# --- quadrature ---


def test_quadrature_has_converged_for_any_masses():
    rng = np.random.default_rng(20)
    for _ in range(120):
        k = 10 ** rng.uniform(-2, 1.7)
        mass = 10 ** rng.uniform(-4, 2) * rng.integers(0, 2)
        leg, first, second = 10 ** rng.uniform(-3, 1.3, 3) * rng.integers(0, 2, 3)
        kind = rng.integers(0, 2)
        if kind == INTERFERENCE:
            leg, second = 0.0, first
        coarse = integral(k, mass, leg, first, second, kind)
        fine = integral(k, mass, leg, first, second, kind, FINE_RULE)
        scale = integral(k, mass, 0, 0, 0, CHIRAL)
        assert np.all(np.abs(coarse - fine) < 2e-5 * scale), (k, mass, leg, first, second, kind)
    np.testing.assert_allclose(
        fermi_theory.massless_kernel([0.1, 1, 3, 10], [[0], [2], [10]]),
        fermi_theory.massless_kernel([0.1, 1, 3, 10], [[0], [2], [10]], n_nodes=32),
        rtol=1e-7,
    )


def literal_meson_integral(k, mass, leg, meson, is_vector):
    """The integral over the lepton's energy as it stands in the docstring of `meson_integral`."""
    sign, low, high = two_body_energies(mass, k, leg, meson**2)
    decays = mass > leg + meson
    if sign == 0 or (low > 50 and not decays):
        return np.zeros(2)
    energy, result = math.hypot(k, mass), []
    for h in (-1, 1):

        def integrand(e, h=h):
            p0, q0 = sign * e, energy - sign * e
            # 1 - n_F(p0) + n_B(q0), of which the ones cancel for q0 < 0
            statistics = expit(p0) + 1 / math.expm1(q0) if q0 > 0 else -expit(-p0) - 1 / math.expm1(-q0)
            p_along = (energy * p0 - (mass**2 + leg**2 - meson**2) / 2) / k
            v_k, v_p = energy + h * k, p0 + h * p_along  # V_h.X = X_0 + h khat.x
            spin = meson**2 if is_vector else -(meson**2)
            shape = 2 * (v_k - v_p) * (mass**2 - leg**2 - meson**2) / 2 + spin * v_p
            return sign * math.copysign(1, q0) * statistics * shape / (8 * math.pi * k)

        end = high if decays else min(high, low + 60)
        result.append(quad(integrand, low, end, epsabs=0, epsrel=1e-10, limit=200, points=_cuts(low, end))[0])
    return np.array(result)


def _cuts(low, end):
    return [low + x for x in (1, 5, 20) if low + x < end]


def test_the_closed_form_for_mesons_is_its_integral():
    points = [(k, m, leg) for k in (0.05, 3.0, 30.0) for m in (0.0, 1.0, 3.0, 30.0) for leg in (0.0, 1.0, 15.0)]
    for k, m, leg in points:
        for is_vector in (False, True):
            closed = meson_integral(k, m, leg, 1.4, is_vector)
            np.testing.assert_allclose(closed, literal_meson_integral(k, m, leg, 1.4, is_vector), rtol=1e-8, atol=1e-16)


@pytest.mark.parametrize("temperature", [0.01, 0.2, 1.0])
@pytest.mark.parametrize("meson", sm.MESONS, ids=lambda meson: meson.name)
def test_widths_are_continuous_at_the_threshold_of_every_meson(meson, temperature):
    """The same from both sides; the mass of a threshold is what someone may well put into an input."""
    for lepton in sm.CHARGED_LEPTON_MASSES if meson.charged else (0.0,):
        threshold = meson.mass + lepton
        widths = fermi_theory.active_neutrino_width(
            temperature, threshold * np.array([1 - 1e-9, 1.0, 1 + 1e-9]), temperature, matter=("hadrons",)
        )
        assert widths.max() > 0
        for side in (0, 2):
            np.testing.assert_allclose(widths[1], widths[side], rtol=1e-4, atol=1e-10 * widths.max())
        assert vacuum_widths.meson_width(threshold, lepton, meson) < 1e-6 * vacuum_widths.massless_width(threshold)


def test_masses_far_below_the_temperature_do_not_matter():
    light = integral(2.0, 1.0, 1e-5, 1e-5, 0, CHIRAL)
    np.testing.assert_allclose(light, integral(2.0, 1.0, 0, 0, 0, CHIRAL), rtol=1e-6)
    np.testing.assert_allclose(integral(2.0, 1e-6, 0.3, 0.5, 0, 0), integral(2.0, 0, 0.3, 0.5, 0, 0), rtol=1e-6)


# --- helicities ---


def test_at_rest_both_helicities_are_alike_and_differ_by_an_odd_function_of_momentum():
    k = np.array([1e-3, 1e-2, 2e-2])
    width = fermi_theory.active_neutrino_width(k, 1.0, 0.3)
    np.testing.assert_allclose(width[0, :, 0], width[0, :, 1], rtol=3e-3)
    slope = (width[..., 1] - width[..., 0]) / k[:, np.newaxis]
    np.testing.assert_allclose(slope[1], slope[0], rtol=1e-3)
    np.testing.assert_allclose(width[2].sum(-1), width[0].sum(-1), rtol=1e-3)  # and the sum is even


def test_widths_are_positive_and_finite_over_the_whole_range():
    temperature = np.array([1e-3, 1e-2, 0.05, 0.14, 0.3, 4.0])[:, np.newaxis, np.newaxis]
    y = np.array([0.05, 20.0])[:, np.newaxis]
    mass = np.array([0.0, 1e-5, 0.1, 1.2, 5.0])
    width = fermi_theory.active_neutrino_width(y * temperature, mass, temperature)
    assert width.shape == (6, 2, 5, 3, 2)
    assert np.all(np.isfinite(width)) and np.all(width > 0)


def test_one_flavour_is_a_row_of_all_flavours():
    all_of_them = fermi_theory.active_neutrino_width(0.5, 0.7, 0.2)
    for flavour in (E, MU, TAU):
        one = fermi_theory.active_neutrino_width(0.5, 0.7, 0.2, (flavour,))
        np.testing.assert_allclose(one[0], all_of_them[flavour], rtol=1e-14)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="momentum = 0.0 GeV must be finite and positive"):
        fermi_theory.active_neutrino_width([1.0, 0.0], 1.0, 1.0)
    with pytest.raises(ValueError, match="mass = -1.0"):
        fermi_theory.active_neutrino_width(1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match="unknown matter 'photons'"):
        fermi_theory.active_neutrino_width(1.0, 1.0, 1.0, matter=("photons",))


# --- vacuum ---


@pytest.mark.parametrize(("k", "tolerance"), [(0.01, 5e-6), (3.0, 5e-6), (200.0, 2e-5)])
def test_massless_width_tends_to_the_vacuum_one(k, tolerance):
    mass = 200.0
    ratio = vacuum_ratio(sm.FERMI_CONSTANT**2 * fermi_theory.massless_kernel(k, mass), 1, k, mass, 1.0)
    np.testing.assert_allclose(ratio / vacuum_widths.massless_width(mass), 1, atol=tolerance)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_charged_current_channel_tends_to_the_vacuum_width_whichever_fermion_is_the_leg(order):
    mass, temperature = 2.0, 0.005
    masses = np.array([0.0047, 0.1057, 1.27])[list(order)]
    kernel = 64 * integral(300.0, mass / temperature, *(masses / temperature), CHIRAL)
    width = vacuum_widths.charged_current_width(mass, *masses)
    ratio = vacuum_ratio(kernel * temperature**4 * sm.FERMI_CONSTANT**2, width, 300 * temperature, mass, temperature)
    np.testing.assert_allclose(ratio, 1, atol=1e-5)


@pytest.mark.parametrize("flavour", [E, MU])
def test_decay_into_neutrino_and_muon_pair_tends_to_the_vacuum_width(flavour):
    mass, temperature, muon = 0.5, 0.0025, sm.CHARGED_LEPTON_MASSES[MU]
    left, right = sm.CHARGED_LEPTON_CURRENT.left + (flavour == MU), sm.CHARGED_LEPTON_CURRENT.right
    k, m, x = 0.3 / temperature, mass / temperature, muon / temperature
    kernel = (left**2 + right**2) * integral(k, m, x, 0, x, CHIRAL)
    kernel += left * right * integral(k, m, 0, x, x, INTERFERENCE)
    width = vacuum_widths.neutral_current_width(mass, muon, left, right)
    ratio = vacuum_ratio(64 * kernel * temperature**4 * sm.FERMI_CONSTANT**2, width, 0.3, mass, temperature)
    np.testing.assert_allclose(ratio, 1, atol=2e-5)


@pytest.mark.parametrize("meson", sm.MESONS, ids=lambda meson: meson.name)
@pytest.mark.parametrize("flavour", [E, MU, TAU])
def test_decay_into_lepton_and_meson_tends_to_the_vacuum_width(meson, flavour):
    lepton = sm.CHARGED_LEPTON_MASSES[flavour] if meson.charged else 0.0
    mass = 1.3 * (lepton + meson.mass)
    temperature, momentum = mass / 400, 0.4 * mass
    k, m, a, b = (x / temperature for x in (momentum, mass, lepton, meson.mass))
    kernel = 2 * meson.coupling * np.array(meson_integral(k, m, a, b, meson.vector))
    width = vacuum_widths.meson_width(mass, lepton, meson)
    ratio = vacuum_ratio(kernel * temperature**2 * sm.FERMI_CONSTANT**2, width, momentum, mass, temperature)
    np.testing.assert_allclose(ratio, 1, atol=1e-4)


@pytest.mark.parametrize("mass", [0.05, 0.3, 0.9, 1.2, 3.0])
def test_sum_of_all_channels_tends_to_the_vacuum_width(mass):
    temperature, momentum = mass / 150, mass
    width = fermi_theory.active_neutrino_width(momentum, mass, temperature, colours=0.0)
    quarks = np.clip((mass - 1.0) / 0.5, 0, 1)
    for flavour in (E, MU, TAU):
        total = vacuum_widths.leptonic_width(flavour, mass)
        total += (1 - quarks) * vacuum_widths.mesonic_width(flavour, mass)
        if quarks > 0:
            total += quarks * vacuum_widths.quark_width(flavour, mass)
        total *= vacuum_widths.boson_propagator_factor(mass)
        expected = vacuum_widths.helicity_widths(total, momentum, mass)
        np.testing.assert_allclose(width[flavour], expected, rtol=1e-4)


def test_neutral_current_width_has_its_massless_and_threshold_limits():
    left, right = sm.CHARGED_LEPTON_CURRENT
    unit = vacuum_widths.massless_width(1.0)
    assert vacuum_widths.neutral_current_width(1.0, 1e-5, left, right) == pytest.approx((left**2 + right**2) * unit)
    assert vacuum_widths.neutral_current_width(1.0, 0.4999, left, right) < 1e-6 * unit
    one_massive = vacuum_widths.charged_current_width(1.0, 0.0, 0.4, 0.0)
    x = 0.4
    shape = 1 - 8 * x**2 + 8 * x**6 - x**8 - 24 * x**4 * np.log(x)
    assert one_massive == pytest.approx(shape * unit, rel=1e-10)


def test_strong_coupling_runs_as_measured():
    # PDG 2022: alpha_s(m_tau) = 0.312 +- 0.015, from hadronic tau decays.
    assert vacuum_widths.strong_coupling(1.77686) == pytest.approx(0.312, abs=0.015)
    assert vacuum_widths.strong_coupling(sm.Z_MASS) == pytest.approx(0.1180)


# --- opacities of active neutrinos, M = 0 ---


def loss_rate(temperature, y, matter, colours=None, flavour=MU):
    """Gamma_- (1 - n_F) of a massless neutrino of momentum y T, in units of G_F^2 T^5."""
    y = np.asarray(y)
    width = fermi_theory.active_neutrino_width(
        y * temperature, 0.0, temperature, (flavour,), matter=matter, colours=colours
    )
    return width[:, 0, 0] * expit(y) / (sm.FERMI_CONSTANT**2 * temperature**5)


def average_opacities(flavour, temperature):
    """<Gamma>/<k> and <Gamma/k> over the Fermi-Dirac distribution, in units of G_F^2 T^4."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    y, weights = 10 * (nodes + 1), 10 * weights
    width = loss_rate(temperature, y, ("leptons",), flavour=flavour) / expit(y)
    number = weights * y**2 * expit(-y)
    return number @ width / (number @ y), number @ (width / y) / number.sum()


@pytest.mark.parametrize(
    ("flavour", "expected"), [(E, (1.216, 1.229, 1.243)), (MU, (0.869, 0.872, 0.885))], ids=["e", "mu"]
)
def test_average_opacities_between_1_and_10_mev(flavour, expected):
    by_energy, by_number = np.transpose([average_opacities(flavour, t * MEV) for t in (1, 3, 10)])
    np.testing.assert_allclose(by_energy, expected, rtol=1e-3)
    # Commonly used: 1.27 (e) and 0.92 (mu, tau) G_F^2 T^4 k, from the same reactions with Boltzmann statistics.
    np.testing.assert_allclose(by_number, {E: 1.27, MU: 0.92}[flavour], rtol=0.05)


@pytest.mark.parametrize(
    ("temperature", "ours", "theirs"),
    [
        (0.01, (0.7060, 2.478, 7.316), (0.7145, 2.489, 7.325)),
        (0.1, (1.521, 5.602, 16.452), (1.511, 5.603, 16.445)),
        (1.0, (2.233, 7.883, 22.886), (2.257, 7.911, 22.899)),
    ],
)
def test_leptonic_opacity_agrees_with_a_public_collision_integral(temperature, ours, theirs):
    # `theirs`: sterile-dm (Venumadhav, Cyr-Racine, Abazajian and Hirata, 1507.06655), on a coarse grid.
    rate = loss_rate(temperature, [1, 3, 8], ("leptons",))
    np.testing.assert_allclose(rate, ours, rtol=1e-3)
    np.testing.assert_allclose(rate, theirs, rtol=0.013)


# Loss rate of muon neutrinos, rows k/T, T [GeV], rate: table rate_hadrons_mu.dat of the public code of 1507.06655.
TABULATED_PIONS = [
    (0.3561969, 0.03, 0.621475),
    (0.3561969, 0.05, 1.826666),
    (0.5137135, 0.04, 2.232349),
    (0.9457416, 0.02, 1.223548),
    (0.9457416, 0.03, 2.261008),
    (1.967136, 0.015, 0.896294),
]
TABULATED_QUARKS = [
    (0.9457416, 0.25, 2.995997),
    (0.9457416, 1.0, 4.234085),
    (2.837038, 1.0, 15.66365),
    (4.622814, 0.5, 24.21332),
    (5.222960, 4.0, 33.78528),
]


@pytest.mark.parametrize(("y", "temperature", "tabulated"), TABULATED_PIONS)
def test_opacity_of_pions_agrees_with_a_published_table(y, temperature, tabulated):
    rate = loss_rate(temperature, [y], ("quarks", "hadrons"))
    # 0.978 throughout: other decay constant and V_ud.  The dependence on T and k, over decades, is what is tested.
    np.testing.assert_allclose(rate / 0.978, tabulated, rtol=1e-3)


@pytest.mark.parametrize(("y", "temperature", "tabulated"), TABULATED_QUARKS)
def test_opacity_of_free_quarks_agrees_with_a_published_table(y, temperature, tabulated):
    rate = loss_rate(temperature, [y], ("quarks",), colours=3.0)
    np.testing.assert_allclose(rate, tabulated, rtol=5e-3)
    assert np.all(loss_rate(temperature, [y], ("quarks",)) < rate)
