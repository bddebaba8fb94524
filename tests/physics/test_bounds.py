"""Widths against explicit traces integrated over phase space, limits against published numbers.

The helpers know Dirac matrices, spin and polarisation sums and three-body phase space; the amplitudes are written down
as Feynman rules give them, and nothing is simplified on paper.
"""

import math

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.integrate import quad

from hpc_nu.interactions import bounds, mediator_emission, sterile_dark_matter
from hpc_nu.interactions.mediator_emission import (
    CHARGED_KAON,
    CHARGED_KAON_LIFETIME,
    CHARGED_PION,
    CHARGED_PION_LIFETIME,
    MUON_MASS,
)
from hpc_nu.interactions.mediators import decay_width
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.vacuum_widths import leptonic_width
from hpc_nu.units import AGE_OF_UNIVERSE, FERMI_CONSTANT, HBAR

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
ZERO, ONE = np.zeros((2, 2)), np.eye(2)
GAMMA = np.array([np.block([[ZERO, ONE], [ONE, ZERO]])] + [np.block([[ZERO, s], [-s, ZERO]]) for s in PAULI])
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
GAMMA_5 = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]
LEFT, RIGHT = (np.eye(4) - GAMMA_5) / 2, (np.eye(4) + GAMMA_5) / 2
CHARGE_CONJUGATION = 1j * GAMMA[2] @ GAMMA[0]


def near(value, rel=1e-6):
    """Without the absolute tolerance of 1e-12 that `pytest.approx` has: most numbers here are smaller."""
    return pytest.approx(value, rel=rel, abs=0)


def slash(p):
    return np.einsum("...m,mn,nij->...ij", p, METRIC, GAMMA)


def square(p):
    return np.einsum("...m,mn,...n->...", p, METRIC, p)[..., np.newaxis, np.newaxis]


def bar(matrix):
    return GAMMA[0] @ matrix.conj().swapaxes(-1, -2) @ GAMMA[0]


def polarisation_sum(p, mass):
    """-g_mn + p_m p_n/m^2, indices below."""
    below = p @ METRIC
    return -METRIC + below[..., :, np.newaxis] * below[..., np.newaxis, :] / mass**2


def spin_sum(first, vertex, second, *sums):
    """Sum over spins and polarisations of |ubar vertex v|^2; vertex has one axis of 4 per vector, after the nodes."""
    other = bar(vertex)
    for axis, polarisations in enumerate(sums, start=1):
        other = np.moveaxis(np.einsum("nab,n...b->n...a", polarisations, np.moveaxis(other, axis, -1)), -1, axis)
    axes = "abc"[: len(sums)]
    return np.einsum(f"nij,n{axes}jk,nkl,n{axes}li->n", first, vertex, second, other, optimize=True).real


def three_body(parent, masses, squared_amplitude, n=48):
    """Width of `parent` at rest: first particle, and the pair of the others in the pair's frame, boosted.

    `squared_amplitude` takes the four-momenta of the parent and the particles, (n_nodes, 4) each.
    """
    x, weight = leggauss(n)
    m1, m2, m3 = masses
    low, high = (m2 + m3) ** 2, (parent - m1) ** 2
    angle = math.pi / 4 * (1 + x)
    s = low + (high - low) * np.sin(angle) ** 2
    s_weight = weight * math.pi / 4 * (high - low) * np.sin(2 * angle)
    s, cosine = (grid.ravel() for grid in np.meshgrid(s, x, indexing="ij"))
    weights = np.outer(s_weight, weight / 2).ravel()

    def momentum(s0, a, b):
        return np.sqrt(np.maximum((s0 - (a + b) ** 2) * (s0 - (a - b) ** 2), 0.0)) / (2 * np.sqrt(s0))

    root = np.sqrt(s)
    outer, inner = momentum(parent**2, m1, root), momentum(s, m2, m3)
    zero = np.zeros_like(s)
    pair_energy = np.hypot(root, outer)

    def boosted(mass, sign):
        energy, along, across = np.hypot(mass, inner), sign * inner * cosine, sign * inner * np.sqrt(1 - cosine**2)
        return np.stack(
            [
                (pair_energy * energy + outer * along) / root,
                across,
                zero,
                (pair_energy * along + outer * energy) / root,
            ],
            axis=-1,
        )

    p = np.stack([parent + zero, zero, zero, zero], axis=-1)
    first = np.stack([np.hypot(m1, outer), zero, zero, -outer], axis=-1)
    two_body = outer / (4 * math.pi * parent) * inner / (4 * math.pi * root)
    amplitude = squared_amplitude(p, first, boosted(m2, 1), boosted(m3, -1))
    return np.sum(weights * two_body * amplitude) / (2 * math.pi * 2 * parent)


# ---- amplitudes for lam = 1


def higgs_amplitude(mass):
    """From (1 + h/v)^2, by what a small h changes the coupling."""
    v = (math.sqrt(2) * FERMI_CONSTANT) ** -0.5
    per_h = ((1 + 1e-6 / v) ** 2 - (1 - 1e-6 / v) ** 2) / 2e-6

    def squared(p, antineutrino, neutrino, q):
        vertex = np.broadcast_to(GAMMA @ LEFT, (len(p), 4, 4, 4))
        return per_h**2 * spin_sum(slash(neutrino), vertex, slash(antineutrino), polarisation_sum(q, mass))

    return squared


def w_amplitude(mass):
    def squared(p, lepton, antineutrino, q):
        line = antineutrino + q
        propagator = slash(line) / square(line)
        vertex = np.einsum("aij,njk,bkl->nabil", GAMMA @ LEFT, propagator, GAMMA @ LEFT)
        sums = spin_sum(
            slash(lepton), vertex, slash(antineutrino), polarisation_sum(p, sm.W_MASS), polarisation_sum(q, mass)
        )
        return 2 * math.sqrt(2) * FERMI_CONSTANT * sm.W_MASS**2 * sums / 3  # g^2/2

    return squared


Z_COUPLING_SQUARED = math.sqrt(2) * FERMI_CONSTANT * sm.Z_MASS**2


def z_vector_amplitude(mass):
    def squared(p, antineutrino, neutrino, q):
        after, before = neutrino + q, antineutrino + q
        s_after, s_before = slash(after) / square(after), slash(before) / square(before)
        vertex = np.einsum("bij,njk,akl->nabil", GAMMA @ LEFT, s_after, GAMMA @ LEFT)
        vertex = vertex - np.einsum("aij,njk,bkl->nabil", GAMMA @ LEFT, s_before, GAMMA @ LEFT)
        sums = spin_sum(
            slash(neutrino), vertex, slash(antineutrino), polarisation_sum(p, sm.Z_MASS), polarisation_sum(q, mass)
        )
        return Z_COUPLING_SQUARED * sums / 3

    return squared


def z_scalar_amplitude(p, first, second, q):
    """Two neutrinos: the diagram with phi from one of them, antisymmetrised."""

    def diagram(other):
        line = other + q
        return -np.einsum("aij,njk->naik", GAMMA @ LEFT, slash(line) / square(line) @ RIGHT)

    exchanged = CHARGE_CONJUGATION @ diagram(first).swapaxes(-1, -2) @ np.linalg.inv(CHARGE_CONJUGATION)
    sums = spin_sum(slash(first), diagram(second) + exchanged, slash(second), polarisation_sum(p, sm.Z_MASS))
    identical, final_states = 1 / 2, 2  # nu nu phi*, nubar nubar phi
    return Z_COUPLING_SQUARED * sums / 3 * identical * final_states


def meson_amplitude(mass, meson, lepton_mass, vector):
    def squared(p, lepton, neutrino, q):
        line = neutrino + q
        rest = slash(line) @ slash(p) @ LEFT / square(line)
        antilepton = slash(lepton) - lepton_mass * np.eye(4)
        if vector:
            vertex = np.einsum("aij,njk->naik", GAMMA @ LEFT, rest)
            sums = spin_sum(slash(neutrino), vertex, antilepton, polarisation_sum(q, mass))
        else:
            sums = spin_sum(slash(neutrino), LEFT @ rest, antilepton)
        return 2 * FERMI_CONSTANT**2 * meson.coupling * sums

    return squared


# ---- widths


def test_closed_forms_vanish_at_threshold_and_are_one_without_a_mass():
    shapes = (mediator_emission.contact_shape, mediator_emission.w_shape, mediator_emission.meson_scalar_shape)
    for shape in shapes:
        assert shape(1e-30) == pytest.approx(1, abs=1e-14)
    for shape in (*shapes, mediator_emission.z_vector_shape, mediator_emission.z_scalar_shape):
        np.testing.assert_allclose(shape(np.array([1 - 1e-5, 1.0, 1.5])), 0, atol=1e-13)
        falling = shape(np.geomspace(1e-8, 0.9, 50))
        assert np.all(np.diff(falling) < 0) and falling[-1] > 0


@pytest.mark.parametrize("mass", [0.5, 20.0, 80.0])
def test_higgs_width_is_the_phase_space_integral(mass):
    expected = three_body(sm.HIGGS_MASS, (0, 0, mass), higgs_amplitude(mass))
    assert mediator_emission.higgs_to_vector(mass, 1.0) == near(expected, rel=1e-6)
    assert mediator_emission.higgs_to_vector(mass, 1.0, "printed") == near(expected / 4, rel=1e-6)


@pytest.mark.parametrize("mass", [2.0, 20.0, 60.0])
def test_w_width_is_the_phase_space_integral(mass):
    expected = three_body(sm.W_MASS, (0, 0, mass), w_amplitude(mass))
    assert mediator_emission.w_to_vector(mass, 1.0) == near(expected, rel=1e-6)


@pytest.mark.parametrize("mass", [10.0, 30.0, 70.0])
def test_z_widths_are_the_phase_space_integrals(mass):
    vector = three_body(sm.Z_MASS, (0, 0, mass), z_vector_amplitude(mass), n=64)
    assert mediator_emission.z_to_vector(mass, 1.0) == near(vector, rel=1e-6)
    scalar = three_body(sm.Z_MASS, (0, 0, mass), z_scalar_amplitude, n=64)
    assert mediator_emission.z_to_scalar(mass, 1.0) == near(scalar, rel=1e-6)


@pytest.mark.parametrize("meson, mass", [(CHARGED_KAON, 0.02), (CHARGED_KAON, 0.3), (CHARGED_PION, 0.01)])
@pytest.mark.parametrize("lepton_mass", [0.0, MUON_MASS])
def test_meson_widths_are_the_phase_space_integrals(meson, mass, lepton_mass):
    for width, vector in ((mediator_emission.meson_to_vector, True), (mediator_emission.meson_to_scalar, False)):
        amplitude = meson_amplitude(mass, meson, lepton_mass, vector)
        expected = three_body(meson.mass, (lepton_mass, 0, mass), amplitude)
        assert width(mass, 1.0, meson, lepton_mass) == near(expected, rel=1e-6)


@pytest.mark.parametrize("width", [mediator_emission.meson_to_vector, mediator_emission.meson_to_scalar])
def test_meson_widths_go_over_into_those_of_a_massless_muon(width):
    mass = np.array([1e-3, 0.03, 0.1, 0.3])
    massless = width(mass, 1.0, CHARGED_KAON, 0.0)
    np.testing.assert_allclose(width(mass, 1.0, CHARGED_KAON, 1e-4), massless, rtol=1e-4)
    np.testing.assert_allclose(width(mass, 1.0, CHARGED_KAON, 1e-8), massless, rtol=1e-9)


def test_meson_quadrature_has_converged_for_light_mediators(monkeypatch):
    def widths(masses):
        return np.array(
            [
                function(masses, 1.0, meson)
                for function in (mediator_emission.meson_to_vector, mediator_emission.meson_to_scalar)
                for meson in (CHARGED_KAON, CHARGED_PION)
            ]
        )

    heavy, light = np.geomspace(1e-3, 0.03, 20), np.geomspace(1e-6, 1e-3, 20)
    coarse = widths(heavy), widths(light)
    nodes, weights = leggauss(200)
    monkeypatch.setattr(mediator_emission, "_NODES", nodes)
    monkeypatch.setattr(mediator_emission, "_WEIGHTS", weights)
    np.testing.assert_allclose(coarse[0], widths(heavy), rtol=1e-10)
    np.testing.assert_allclose(coarse[1], widths(light), rtol=1e-6)


def test_closed_decays_and_masses_of_zero_have_their_limits():
    for width in (mediator_emission.meson_to_vector, mediator_emission.meson_to_scalar):
        for lepton_mass in (CHARGED_PION.mass, sm.CHARGED_LEPTON_MASSES[2]):
            np.testing.assert_array_equal(width(np.array([1e-3, 1.0]), 1.0, CHARGED_PION, lepton_mass), 0.0)
    unit = mediator_emission.Z_TO_NEUTRINOS / (8 * math.pi**2)
    assert mediator_emission.z_invisible_shift(0.0, 1.0) == near(1.5 * unit, rel=1e-10)
    for name in ("scalar", "neutrinophilic", "lmu_ltau", "b_minus_l"):
        assert decay_width(name, 0.0, 1.0) == 0.0
    assert sterile_dark_matter.xray_mixing_limit(7.1e-6, 0.0) == np.inf


@pytest.mark.parametrize(
    "meson, lifetime, measured",
    [
        (CHARGED_KAON, CHARGED_KAON_LIFETIME, 0.6356),
        (CHARGED_PION, CHARGED_PION_LIFETIME, 0.99988),
    ],
)
def test_the_same_amplitude_without_a_mediator_gives_the_measured_leptonic_decay(meson, lifetime, measured):
    """Br(M -> mu nu) of [PDG], up to radiative corrections of 2 %: the normalisation of f V_CKM in the amplitude."""
    momentum = (meson.mass**2 - MUON_MASS**2) / (2 * meson.mass)
    neutrino = np.array([[momentum, 0, 0, momentum]])
    lepton = np.array([[math.hypot(momentum, MUON_MASS), 0, 0, -momentum]])
    sums = spin_sum(slash(neutrino), slash(neutrino + lepton) @ LEFT, slash(lepton) - MUON_MASS * np.eye(4))
    width = 2 * FERMI_CONSTANT**2 * meson.coupling * sums[0] * momentum / (8 * math.pi * meson.mass**2)
    assert width * lifetime / HBAR == near(measured, rel=0.025)


def test_light_vector_from_the_z_has_the_double_logarithm_and_loses_it_to_the_loop():
    mass = 1e-3
    log = 2 * math.log(mass / sm.Z_MASS)
    unit = mediator_emission.Z_TO_NEUTRINOS / (8 * math.pi**2)
    real = unit * (log**2 + 3 * log + 5 - math.pi**2 / 3)
    assert mediator_emission.z_to_vector(mass, 1.0) == near(real, rel=1e-7)
    assert mediator_emission.z_invisible_shift(mass, 1.0) == near(1.5 * unit, rel=1e-7)


@pytest.mark.parametrize("mass", [3.0, 40.0, 91.3, 300.0, 1000.0])
def test_the_loop_follows_from_unitarity_by_a_dispersion_relation(mass):
    """Im of the form factor: J = 1 partial wave of nu nubar -> nu nubar by t-channel V; subtracted at s = 0."""

    def imaginary(s):  # (1/32 pi) int dcos d^1_11 M with M = 2u/(t - m^2), in units of 1/(16 pi^2)
        def integrand(c):
            return (1 + c) / 2 * s * (1 + c) / (s * (1 - c) / 2 + mass**2)

        return 16 * math.pi**2 / (32 * math.pi) * quad(integrand, -1, 1, epsrel=1e-10)[0]

    s0 = sm.Z_MASS**2
    near = quad(lambda s: imaginary(s) / s, s0 / 2, 1.5 * s0, weight="cauchy", wvar=s0, epsabs=0, epsrel=1e-8)[0]
    below = quad(lambda s: imaginary(s) / (s * (s - s0)), 0, s0 / 2, epsrel=1e-8)[0]
    above = quad(lambda u: imaginary(s0 / u) / (s0 - s0 * u), 0, 1 / 1.5, epsrel=1e-8)[0]
    loop = s0 / math.pi * (below + near + above)
    unit = mediator_emission.Z_TO_NEUTRINOS / (8 * math.pi**2)
    expected = unit * loop + mediator_emission.z_to_vector(mass, 1.0)
    assert mediator_emission.z_invisible_shift(mass, 1.0) == pytest.approx(expected, rel=2e-6, abs=1e-6 * unit)


# ---- limits


def test_reference_limits_at_100_MeV():
    """Of an independent implementation with (3.19) as printed; that of the kaon with other f_K, V_us."""
    assert bounds.coupling_limit_higgs(0.1, vertex="printed") == near(2.18e-3, rel=5e-3)
    assert bounds.coupling_limit_higgs_hl_lhc(0.1, "printed") == near(6.2e-4, rel=5e-3)
    for bound in bounds.bounds_on("neutrinophilic"):
        operator, printed = (bound.coupling_limit(0.1, 7.1e-6, 7e-11, vertex) for vertex in ("operator", "printed"))
        assert printed == near((2.0 if "higgs" in bound.name else 1.0) * operator, rel=1e-12)
    assert bounds.coupling_limit_w(0.1) == near(1.55e-2, rel=5e-3)
    assert bounds.coupling_limit_kaon_vector(0.1) == near(5.56e-3, rel=1e-2)
    massless = mediator_emission.meson_to_vector(0.1, 1.0, CHARGED_KAON, 0.0)
    limit = math.sqrt(bounds.KAON_TO_MUON_3NU * HBAR / CHARGED_KAON_LIFETIME / massless)
    assert limit == near(5.23e-3, rel=1e-2)
    assert bounds.coupling_limit_kaon_vector(0.1) / limit == near(5.56 / 5.23, rel=2e-3)


def test_a_coupling_at_its_limit_makes_the_limit():
    coupling = bounds.coupling_limit_higgs(3.0)
    width = mediator_emission.higgs_to_vector(3.0, coupling)
    assert width / (width + 4e-3) == near(0.24, rel=1e-12)
    coupling = bounds.coupling_limit_kaon_scalar(0.2)
    branching = mediator_emission.meson_to_scalar(0.2, coupling, CHARGED_KAON) * CHARGED_KAON_LIFETIME / HBAR
    assert branching == near(1e-6, rel=1e-12)


@pytest.mark.parametrize("name", ["higgs", "higgs_hl_lhc", "w", "kaon", "pion"])
def test_limits_from_the_longitudinal_mode_are_proportional_to_a_small_mass(name):
    (bound,) = (bound for bound in bounds.bounds_on("neutrinophilic") if bound.name == name)
    light, lighter = bound.coupling_limit(np.array([2e-4, 1e-4]), 7.1e-6, 7e-11)
    assert light / lighter == near(2, rel=1e-3)


def test_every_limit_broadcasts_and_is_infinite_where_the_decay_is_closed():
    masses = np.array([[0.01], [0.2], [0.45], [100.0], [200.0]])
    m4 = np.array([2e-6, 7.1e-6, 5e-5])
    open_below = {"kaon": CHARGED_KAON.mass - MUON_MASS, "pion": CHARGED_PION.mass - MUON_MASS, "w": sm.W_MASS,
                  "higgs": sm.HIGGS_MASS, "higgs_hl_lhc": sm.HIGGS_MASS}  # fmt: skip
    for mediator in bounds.MEDIATORS:
        for bound in bounds.bounds_on(mediator):
            limit = np.broadcast_to(bound.coupling_limit(masses, m4, 7e-11), (5, 3))
            for i, mass in enumerate(masses[:, 0]):
                single = [float(bound.coupling_limit(mass, m, 7e-11)) for m in m4]
                np.testing.assert_allclose(limit[i], single, rtol=1e-13)
            if bound.name in open_below:
                assert np.array_equal(np.isfinite(limit[:, 0]), masses[:, 0] < open_below[bound.name])
            assert np.all(limit[1] > 0)


def test_the_table_says_what_holds_for_whom():
    names = {mediator: [bound.name for bound in bounds.bounds_on(mediator)] for mediator in bounds.MEDIATORS}
    assert names["neutrinophilic"] == ["higgs", "higgs_hl_lhc", "w", "z", "kaon", "pion", "bbn", "lifetime"]
    assert names["scalar"] == ["z", "kaon", "pion", "bbn", "lifetime"]
    assert names["lmu_ltau"] == names["b_minus_l"] == ["bbn", "lifetime"]
    assert {"kaon", "pion"}.isdisjoint(bound.name for bound in bounds.bounds_on("scalar", "tau"))
    with pytest.raises(ValueError, match="mediator = 'vector': expected one of scalar, neutrinophilic"):
        bounds.bounds_on("vector")
    with pytest.raises(ValueError, match="flavour = 'x': expected one of e, mu, tau"):
        bounds.bounds_on("scalar", "x")


def test_nucleosynthesis_excludes_all_couplings_of_a_light_mediator():
    np.testing.assert_array_equal(bounds.coupling_limit_bbn([4.999e-3, 5e-3]), [0.0, np.inf])


# ---- the sterile neutrino


def contact_amplitude(mediator):
    """nu_4 -> nu nu nubar per (lam^2 sin theta/m^2)^2, both decays of a Majorana nu_4, spins of nu_4 averaged."""

    def scalar(p, antineutrino, first, second):
        """2 * lam^2/4 from nu -> nu + s nu_4 in one of two fields, and 2 for the two identical neutrinos."""
        pair = spin_sum(slash(first), np.broadcast_to(RIGHT, (len(p), 4, 4)), slash(second))
        return spin_sum(slash(antineutrino), np.broadcast_to(LEFT, (len(p), 4, 4)), slash(p)) * pair

    def vector(p, antineutrino, first, second):
        """2 * lam^2/2 from the same, two ways to attach the neutrinos with a relative minus sign."""
        k1, k2, k3, k4 = (slash(k) for k in (first, second, antineutrino, p))
        left = GAMMA @ LEFT
        below = np.einsum("ab,bij->aij", METRIC, left)

        def direct(k_a, k_b):
            one = np.einsum("nij,ajk,nkl,bli->nab", k_a, left, k4, left)
            two = np.einsum("nij,ajk,nkl,bli->nab", k_b, below, k3, below)
            return np.einsum("nab,nab->n", one, two)

        crossed = np.einsum(
            "nij,ajk,nkl,blm,nmo,aop,npq,bqi->n", k1, left, k4, left, k2, below, k3, below, optimize=True
        )
        return (direct(k1, k2) + direct(k2, k1) - 2 * crossed).real

    def gauged(others):
        """The same, and for each other flavour its pair: 2 * lam^2/2 from either current, one way, none identical."""

        def sums(p, antineutrino, first, second):
            k1, k2, k3, k4 = (slash(k) for k in (first, second, antineutrino, p))
            below = np.einsum("ab,bij->aij", METRIC, GAMMA @ LEFT)
            one = np.einsum("nij,ajk,nkl,bli->nab", k1, GAMMA @ LEFT, k4, GAMMA @ LEFT)
            pair = np.einsum("nab,nab->n", one, np.einsum("nij,ajk,nkl,bli->nab", k2, below, k3, below)).real
            return vector(p, antineutrino, first, second) + 2 * others * pair

        return sums

    sums = {"scalar": scalar, "neutrinophilic": vector, "lmu_ltau": gauged(1), "b_minus_l": gauged(2)}[mediator]
    return lambda *momenta: sums(*momenta) / 2 / 2 * 2  # spin of nu_4, identical neutrinos, both decays


@pytest.mark.parametrize("mediator", sterile_dark_matter.CONTACT_FACTORS)
def test_contact_decay_is_the_phase_space_integral(mediator):
    width = three_body(1.0, (0, 0, 0), contact_amplitude(mediator), n=24)
    sin2_2theta = 1e-8
    expected = width * sterile_dark_matter.sin2_mixing(sin2_2theta) * 0.3**4 / 2.0**4
    assert sterile_dark_matter.contact_width(2.0, 0.3, 1.0, sin2_2theta, mediator) == near(expected, rel=1e-9)


def test_lifetime_limit_is_where_nu_4_is_as_old_as_the_universe():
    for mediator in sterile_dark_matter.CONTACT_FACTORS:
        point = (1e-3, 5e-5, 1e-9)
        limit = bounds.coupling_limit_lifetime(*point, mediator)
        age = sterile_dark_matter.dark_matter_lifetime(point[0], limit, *point[1:], mediator)
        assert age == near(AGE_OF_UNIVERSE, rel=1e-12)
    too_heavy = bounds.coupling_limit_lifetime(10.0, 1e-2, 1e-2, "scalar")
    assert too_heavy == 0.0
    assert bounds.coupling_limit_lifetime(1.0, 7.1e-6, 0.0, "scalar") == np.inf


def test_standard_model_decays_of_nu_4():
    assert HBAR / sterile_dark_matter.contact_width(3.0, 0.2511, 7.1e-6, 7e-11, "scalar") == near(8e21, rel=0.02)
    assert sterile_dark_matter.photon_width(7.1e-6, 7e-11) / HBAR == near(1.72e-28, rel=1e-3)
    photons, neutrinos = (
        width(7.1e-6, 1e-6) for width in (sterile_dark_matter.photon_width, sterile_dark_matter.three_neutrino_width)
    )
    assert photons / neutrinos == near(27 / 137.036 / (8 * math.pi), rel=1e-6)  # Pal and Wolfenstein
    assert neutrinos == near(2 * leptonic_width(1, 7.1e-6) * 0.25e-6, rel=1e-4)


def test_small_mixing_keeps_its_digits():
    assert sterile_dark_matter.sin2_mixing(1e-30) == near(2.5e-31, rel=1e-15)
    assert sterile_dark_matter.sin2_mixing(math.sin(0.6) ** 2) == near(math.sin(0.3) ** 2, rel=1e-14)


def test_xray_limit():
    limit = sterile_dark_matter.xray_mixing_limit(np.array([5e-7, 1e-6, 7.1e-6, 2e-4]))
    assert np.isinf(limit[[0, 3]]).all()
    assert limit[1] == near(1.1356e-4, rel=2e-3)  # 3e-5/0.264, of three digits
    assert limit[2] == near(limit[1] / 7.1**5)
    assert sterile_dark_matter.xray_mixing_limit(7.1e-6, 0.012) == near(10 * limit[2])


def test_phase_space_bounds_are_what_a_full_core_weighs():
    """Kilograms and metres: mass density of fermions of the bound's mass, with all states up to f_max filled."""
    joule, light, hbar = 1.602176634e-10, 299792458.0, 1.054571817e-34
    sigma, density, occupation = 7e3, 0.1 * 1.98841e30 / 3.0856776e16**3, 0.03
    q = 0.1 / 7.0**3
    m = sterile_dark_matter.phase_space_mass_bound(occupation, q) * joule / light**2

    def maxwellian(v):
        return 4 * math.pi * v**2 * math.exp(-(v**2) / (2 * sigma**2))

    velocities = quad(maxwellian, 0, 12 * sigma)[0]
    assert 2 * occupation * m**4 / (2 * math.pi * hbar) ** 3 * velocities == near(density, rel=1e-4)
    m = sterile_dark_matter.degenerate_mass_bound(q) * joule / light**2
    ball = 4 * math.pi / 3 * sigma**3
    assert 2 * m**4 / (2 * math.pi * hbar) ** 3 * ball == near(density, rel=1e-4)
    assert sterile_dark_matter.phase_space_mass_bound(1 / 16, q) == near(
        2 * sterile_dark_matter.phase_space_mass_bound(1.0, q)
    )
