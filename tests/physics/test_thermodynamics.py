"""The bath's equations of state: reference values, the first law, limits, and what they are built of."""

import numpy as np
import pytest
from scipy.integrate import quad

from hpc_nu.plasma import thermodynamics as th

CONSISTENT = ["saikawa_shirai", "borsanyi", "hotqcd"]
ALL = pytest.mark.parametrize("name", th.EQUATIONS_OF_STATE)

# T [GeV], g_rho, g_s, c_s^2, H [GeV] of the separate fits of arXiv:1803.01038 (c_s^2 by differences over 0.03 in ln T);
# then g_rho, g_s, c_s^2 of Laine and Schroder, hep-ph/0603048, in its updated table.
REFERENCE = np.array(
    [
        (0.001, 10.55, 10.55, 0.3295, 4.416e-25, 10.56, 10.56, 0.3295),
        (0.01, 10.74, 10.74, 0.3325, 4.457e-23, 10.76, 10.76, 0.3325),
        (0.05, 14.62, 14.31, 0.3064, 1.300e-21, 14.61, 14.30, 0.3065),
        (0.1, 17.75, 17.33, 0.2927, 5.728e-21, 17.58, 17.19, 0.2946),
        (0.15, 26.73, 25.36, 0.2174, 1.582e-20, 25.20, 23.79, 0.2230),
        (0.2, 39.94, 37.46, 0.2497, 3.438e-20, 46.38, 42.06, 0.2203),
        (0.3, 51.64, 49.41, 0.2880, 8.795e-20, 54.84, 52.46, 0.2965),
        (0.5, 60.68, 59.23, 0.3054, 2.648e-19, 64.55, 62.77, 0.3009),
        (1.0, 69.74, 68.77, 0.3157, 1.136e-18, 76.25, 74.89, 0.3145),
        (2.0, 75.94, 75.30, 0.3228, 4.740e-18, 81.85, 81.18, 0.3261),
        (5.0, 79.95, 79.71, 0.3300, 3.040e-17, 83.92, 83.75, 0.3317),
        (10.0, 80.54, 80.43, 0.3332, 1.220e-16, 84.46, 84.38, 0.3319),
        (50.0, 92.98, 92.11, 0.3145, 3.278e-15, 95.74, 94.86, 0.3204),
        (100.0, 101.32, 100.69, 0.3254, 1.369e-14, 102.47, 101.72, 0.3253),
        (160.0, 103.38, 102.98, 0.3302, 3.539e-14, 104.99, 104.49, 0.3293),
    ]
).T
T, G_RHO, G_S, SOUND, HUBBLE = REFERENCE[:5]

# T [MeV]: g_rho, g_rho/g_s of arXiv:1606.07494, table S2
BORSANYI = {
    1.0: (10.71, 1.00228),
    10.0: (10.76, 1.00048),
    100.0: (17.61, 1.02324),
    10**2.2: (29.84, 1.07578),
    10**2.5: (53.04, 1.0469),
    1e3: (73.48, 1.01778),
    1e4: (83.1, 1.00123),
    1e5: (102.17, 1.0075),
}


def temperatures(low, high, number=2000):
    """Off the nodes of the splines, reproducibly."""
    return np.exp(np.random.default_rng(7).uniform(np.log(low), np.log(high), number))


def slope(function, temperature, name, step=1e-3):
    """d function/dlnT by central differences."""
    up, down = (function(temperature * np.exp(x), name) for x in (step, -step))
    return (up - down) / (2 * step)


# -------------------------------------------------------------------------------------------------------- known values


def test_separate_fits_have_the_reference_values():
    name = "saikawa_shirai_separate"
    np.testing.assert_allclose(th.energy_degrees_of_freedom(T, name), G_RHO, rtol=5e-4)
    np.testing.assert_allclose(th.hubble_rate(T, name), HUBBLE, rtol=5e-4)


def test_default_has_the_reference_values():
    np.testing.assert_allclose(th.entropy_degrees_of_freedom(T), G_S, rtol=5e-4)
    np.testing.assert_allclose(th.sound_speed_squared(T), SOUND, atol=3e-4)
    np.testing.assert_allclose(th.energy_degrees_of_freedom(T), G_RHO, rtol=0.0145)
    np.testing.assert_allclose(th.hubble_rate(T), HUBBLE, rtol=0.0072)


def test_default_stays_close_to_the_separate_fits_everywhere():
    t = temperatures(1e-4, 1e6)
    ratio = th.hubble_rate(t) / th.hubble_rate(t, "saikawa_shirai_separate")
    assert 0.998 < np.min(ratio) and np.max(ratio) < 1.009


@ALL
def test_published_equations_of_state_agree_as_well_as_they_are_known(name):
    tolerance = np.where(T == 0.2, 0.15, 0.09)
    assert np.all(np.abs(th.energy_degrees_of_freedom(T, name) / REFERENCE[5] - 1) < tolerance)
    assert np.all(np.abs(th.entropy_degrees_of_freedom(T, name) / REFERENCE[6] - 1) < tolerance)
    assert np.all(np.abs(th.sound_speed_squared(T, name) - REFERENCE[7]) < 0.035)


def test_borsanyi_has_the_entropy_of_its_table_and_by_the_first_law_its_energy():
    t = np.array(list(BORSANYI)) * 1e-3
    energy, ratio = np.array(list(BORSANYI.values())).T
    np.testing.assert_allclose(th.entropy_degrees_of_freedom(t, "borsanyi"), energy / ratio, rtol=1e-5)
    np.testing.assert_allclose(th.energy_degrees_of_freedom(t, "borsanyi"), energy, rtol=5e-3)


def test_borsanyi_is_continued_continuously_and_ends_as_saikawa_shirai():
    for edge in (1e-3, 10**2.45):
        t = edge * np.array([1 - 1e-3, 1 + 1e-3])
        below, above = th.entropy_degrees_of_freedom(t, "borsanyi")
        assert above == pytest.approx(below, rel=2e-4)
        below, above = th.sound_speed_squared(t, "borsanyi")
        assert above == pytest.approx(below, abs=2e-3)
    far = np.array([1e-4, 3e3, 1e6])
    np.testing.assert_allclose(
        th.entropy_degrees_of_freedom(far, "borsanyi"), th.entropy_degrees_of_freedom(far), rtol=1e-6
    )


def free_entropy(dof, mass, t):
    """s [GeV^3] of an ideal gas of fermions."""
    x = mass / t

    def integrand(y):
        energy = np.hypot(y, x)
        return y**2 * (energy + y**2 / (3 * energy)) / (np.exp(energy) + 1)

    return dof * t**3 / (2 * np.pi**2) * quad(integrand, 0, 60, epsrel=1e-10)[0]


def hotqcd_pressure(t):
    """arXiv:1407.6387, as printed there."""
    x = t / 0.154
    ideal = 95 * np.pi**2 / 180
    ratio = (ideal - 8.7704 / x + 3.92 / x**2 + 0.3419 / x**4) / (1 - 1.26 / x + 0.8425 / x**2 - 0.0475 / x**4)
    return t**4 / 2 * (1 + np.tanh(3.8706 * (x - 0.9761))) * ratio


@pytest.mark.parametrize("t", [0.15, 0.18, 0.21, 0.25])
def test_hotqcd_is_its_pressure_and_free_leptons_photons_and_charm(t):
    strong = (hotqcd_pressure(t * 1.0001) - hotqcd_pressure(t / 1.0001)) / (t * 1.0001 - t / 1.0001)
    fermions = [(6, 0.0), (4, 0.511e-3), (4, 0.10566), (4, 1.77686), (12, 1.27)]
    free = sum(free_entropy(dof, mass, t) for dof, mass in fermions) + 4 * np.pi**2 / 45 * t**3
    assert th.entropy_density(t, "hotqcd") == pytest.approx(strong + free, rel=2e-3)


def test_hotqcd_differs_from_the_default_in_its_window_only():
    outside, inside = np.array([0.05, 0.129, 0.401, 1.0]), np.array([0.14, 0.2, 0.3, 0.38])
    ratio = [th.entropy_density(t, "hotqcd") / th.entropy_density(t) for t in (outside, inside)]
    np.testing.assert_allclose(ratio[0], 1, rtol=1e-5)
    assert np.all(np.abs(ratio[1] - 1) > 1e-3) and np.all(np.abs(ratio[1] - 1) < 0.05)


# ----------------------------------------------------------------------------------------------- laws and their limits


@pytest.mark.parametrize("name", CONSISTENT)
def test_energy_and_entropy_obey_the_first_law(name):
    t = temperatures(5.01e-3, 9.9e5)
    np.testing.assert_allclose(slope(th.energy_density, t, name) / slope(th.entropy_density, t, name), t, rtol=1e-5)
    np.testing.assert_allclose(slope(th.pressure, t, name), t * th.entropy_density(t, name), rtol=2e-4)
    np.testing.assert_allclose(
        th.energy_density(t, name) + th.pressure(t, name), t * th.entropy_density(t, name), rtol=1e-5
    )


def test_separate_fits_break_the_first_law_by_two_and_a_half_per_cent():
    t, name = temperatures(5e-3, 1e5), "saikawa_shirai_separate"
    violation = slope(th.energy_density, t, name) / (t * slope(th.entropy_density, t, name)) - 1
    assert 0.02 < np.max(np.abs(violation)) < 0.03


@ALL
def test_adiabatic_expansion_conserves_energy_also_after_neutrinos_decouple(name):
    t = temperatures(1.01e-4, 9.9e5)
    gained = slope(th.energy_density, t, name) / slope(th.entropy_density, t, name)
    enthalpy = (th.energy_density(t, name) + th.pressure(t, name)) / th.entropy_density(t, name)
    np.testing.assert_allclose(gained, enthalpy, rtol=1e-5)


def test_cold_neutrinos_make_energy_smaller_than_the_first_law_would():
    t = 1e-4
    assert th.energy_density(t) + th.pressure(t) < 0.9 * t * th.entropy_density(t)
    assert 0.9 < 3 * th.pressure(t) / th.energy_density(t) < 1


@pytest.mark.parametrize("name", CONSISTENT)
def test_pressure_is_smooth_where_the_neutrinos_take_over(name):
    t = np.geomspace(1e-3, 1e-2, 400)
    w = 3 * th.pressure(t, name) / th.energy_density(t, name)
    assert np.max(np.abs(np.diff(w))) < 2e-4


def test_relativistic_gases_have_p_one_third_of_e():
    for t, g in ((1e-2, 10.75), (1e6, 104.5)):
        assert th.energy_degrees_of_freedom(t) == pytest.approx(g, rel=1e-3)
        assert 3 * th.pressure(t) / th.energy_density(t) == pytest.approx(1, abs=1.1e-3)
        assert th.sound_speed_squared(t) == pytest.approx(1 / 3, abs=1e-3)


@ALL
def test_sound_is_slower_than_light_and_stable(name):
    c2 = th.sound_speed_squared(temperatures(1e-4, 1e6), name)
    assert 0.2 < np.min(c2) and np.max(c2) < 0.335


@ALL
def test_redshift_factor_conserves_entropy_and_chains(name):
    t = temperatures(1e-4, 1e6, 50)
    factor = th.redshift_factor(t, 1.0, name)
    np.testing.assert_allclose(factor**3, th.entropy_density(t, name) / th.entropy_density(1.0, name), rtol=1e-12)
    np.testing.assert_allclose(factor * th.redshift_factor(1.0, 100.0, name), th.redshift_factor(t, 100.0, name))
    inner = temperatures(1.01e-4, 9.9e5, 50)
    log_slope = slope(lambda x, eos: np.log(th.redshift_factor(x, 1.0, eos)), inner, name)
    np.testing.assert_allclose(log_slope, 1 / (3 * th.sound_speed_squared(inner, name)), rtol=3e-5)


# ------------------------------------------------------------------------------------------------------------ interface


@ALL
def test_every_function_broadcasts_and_refuses_other_temperatures(name):
    for function in (
        th.energy_degrees_of_freedom,
        th.entropy_degrees_of_freedom,
        th.energy_density,
        th.entropy_density,
        th.pressure,
        th.sound_speed_squared,
        th.hubble_rate,
    ):
        grid = function(np.array([[1e-4, 1.0, 1e6]]), name)
        assert grid.shape == (1, 3) and np.all(np.isfinite(grid))
        assert np.ndim(function(1.0, name)) == 0 and function(1.0, name) == grid[0, 1]
        for outside in (0.99e-4, 1.01e6, -1.0, np.nan, [1.0, 2e6]):
            with pytest.raises(ValueError, match="outside 0.0001 ... 1e\\+06 GeV"):
                function(outside, name)


def test_unknown_equation_of_state_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="saikawa_shirai, saikawa_shirai_separate, borsanyi, hotqcd"):
        th.hubble_rate(1.0, "bag_model")
