"""Momentum grids: they count particles, and sit where eq. (6.2) of arXiv:2011.12637 puts them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, trapezoid
from scipy.special import zeta

from hpc_nu.solver.momentum_grid import averaged, equal_occupation, gauss_legendre

NUMBER_DENSITY = 3 * zeta(3) / (4 * np.pi**2)  # of one massless fermion with one helicity, over T^3
ENERGY_DENSITY = 7 * np.pi**2 / 240


def fermi_dirac(y):
    return 1 / (np.exp(np.minimum(y, 700.0)) + 1)


def cell_occupations(edges):
    return np.array(
        [
            quad(lambda y: y**2 * fermi_dirac(y), *cell, epsabs=0, epsrel=1e-12)[0]
            for cell in zip(edges, edges[1:], strict=False)
        ]
    )


@pytest.mark.parametrize("grid", [gauss_legendre(32), gauss_legendre(48, scale=2.0), averaged()])
def test_gauss_legendre_counts_particles_and_their_energy_exactly(grid):
    occupation = fermi_dirac(grid.nodes)
    assert grid.weights @ occupation == pytest.approx(NUMBER_DENSITY, rel=1e-10)
    assert grid.weights @ (grid.nodes * occupation) == pytest.approx(ENERGY_DENSITY, rel=1e-10)
    # rates that grow like 1/k^2 at small momenta
    soft = grid.weights @ (occupation / grid.nodes**2)
    assert soft == pytest.approx(np.log(2) / (2 * np.pi**2), rel=1e-10)


def test_gauss_legendre_converges_spectrally():
    grids = [gauss_legendre(n) for n in (8, 16, 24)]
    errors = [abs(grid.weights @ fermi_dirac(grid.nodes) / NUMBER_DENSITY - 1) for grid in grids]
    assert errors[0] < 1e-3 and errors[1] < 1e-5 and errors[2] < 1e-8


@pytest.mark.parametrize("n_modes", [2, 3, 5, 6, 11, 20, 48, 82])
def test_cells_have_equal_occupation(n_modes):
    grid = equal_occupation(n_modes)
    assert grid.n_modes == n_modes == len(grid.nodes) == len(grid.weights)
    assert (grid.nodes[0], grid.nodes[-1]) == (0.1, 20.0)
    cells = cell_occupations(grid.nodes)
    np.testing.assert_allclose(cells / cells.sum(), 1 / (n_modes - 1), rtol=1e-10)


@settings(deadline=None)
@given(st.integers(2, 82), st.floats(0.01, 0.5), st.floats(5.0, 40.0))
def test_any_equal_occupation_grid_is_a_trapezoidal_rule_between_its_ends(n_modes, y_min, y_max):
    grid = equal_occupation(n_modes, y_min=y_min, y_max=y_max)
    assert len(grid.nodes) == n_modes and np.all(np.diff(grid.nodes) > 0)
    lengths = 2 * np.pi**2 * grid.weights / grid.nodes**2
    assert lengths.sum() == pytest.approx(y_max - y_min, rel=1e-12)
    # exact for straight lines
    assert lengths @ grid.nodes == pytest.approx((y_max**2 - y_min**2) / 2, rel=1e-12)


def test_known_error_of_the_trapezoidal_rule():
    """Coarse at both ends: with 48 modes the last cell (7.6 ... 20) overcounts by 8.0 % and the first one by 0.4 %."""
    for n_modes, error in [(48, 0.0853), (82, 0.0474), (200, 0.0175)]:
        grid = equal_occupation(n_modes)
        assert grid.weights @ fermi_dirac(grid.nodes) / NUMBER_DENSITY - 1 == pytest.approx(error, abs=3e-4)
    ends = equal_occupation(48).nodes[[1, -2]]
    occupied = ends**2 * fermi_dirac(ends)
    first = 0.5 * (ends[0] - 0.1) * (occupied[0] + 0.1**2 * fermi_dirac(0.1))
    last = 0.5 * (20 - ends[1]) * (occupied[1] + 20**2 * fermi_dirac(20))
    exact = 2 * np.pi**2 * NUMBER_DENSITY
    assert first / exact - 1 / 47 == pytest.approx(0.0039, abs=1e-4)
    assert last / exact - 1 / 47 == pytest.approx(0.0805, abs=1e-4)


@pytest.mark.parametrize("soft_modes", [(0.3,), (0.3, 0.5), (0.5, 0.3), (0.15, 0.3, 0.5, 0.7)])
def test_soft_modes_are_there_and_counted(soft_modes):
    grid, plain = equal_occupation(11, soft_modes=soft_modes), equal_occupation(11 - len(soft_modes))
    assert grid.n_modes == 11
    assert set(grid.nodes) == set(plain.nodes) | set(soft_modes)
    assert np.all(np.diff(grid.nodes) > 0) and np.all(grid.weights > 0)


def test_soft_modes_improve_the_soft_end():
    exact = cell_occupations([0.1, 1.5]).sum()

    def error(grid):
        y = np.append(grid.nodes[grid.nodes < 1.5], 1.5)
        return abs(trapezoid(y**2 * fermi_dirac(y), y) - exact)

    assert error(equal_occupation(9, soft_modes=(0.3, 0.5, 0.7, 1.0))) < 0.2 * error(equal_occupation(5))


def test_averaged_grid_is_one_mode():
    grid = averaged()
    assert grid.n_modes == 1 and grid.kind == "averaged"
    assert len(grid.nodes) > 1  # the quadrature of the averages


@pytest.mark.parametrize(("n_modes", "soft_modes"), [(1, ()), (2, (0.3,)), (3, (0.3, 0.5))])
def test_grid_that_cannot_be_is_refused(n_modes, soft_modes):
    with pytest.raises(ValueError):
        equal_occupation(n_modes, soft_modes=soft_modes)
