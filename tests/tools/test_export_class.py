"""Spectra for structure formation: what is written is read back, as CLASS would, and gives the row again."""

import sys
from pathlib import Path

import numpy as np
import pytest
from campaigns import write
from numpy.testing import assert_allclose

from hpc_nu import cli
from hpc_nu.analysis import read_results
from hpc_nu.campaign.errors import COMPLETE
from hpc_nu.models.kev_neutrinos import relic
from hpc_nu.models.kev_neutrinos.bath import PAPER_OMEGA_PER_YIELD

sys.path.append(str(Path(__file__).parents[2] / "tools"))

import export_class  # noqa: E402

CAMPAIGN = """
campaign: spectra
model: relic_coupling
parameters:
  m_4: {value: 7.1, unit: keV}
  sin2_2theta: {value: 7e-11}
  m_mediator: {list: [0.1, 1], unit: GeV}
  root: {list: [1, 2]}
settings: {mediator: scalar, g_dof: 2.0}
variations: {paper: {setup: paper}, full: {setup: full}}
grids: [{kind: gauss_legendre, n_modes: 32}]
output: {momenta: {log: [1e-3, 30], points: 200}}
"""


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Tasks 0, 2 and 3 are done, 1 has no solution: `paper`; likewise 4 to 7: `full`."""
    folder = tmp_path_factory.mktemp("spectra")
    output = folder / "spectra.h5"
    assert cli.main(["run", str(write(folder, CAMPAIGN)), "-o", str(output)]) == COMPLETE
    return output


LETTER_TO_TODAY = 0.99678
"""s_0/(rho_c/h^2) of 2.7255 K, g_s = 3.91 and 1.053672e-5 GeV/cm^3 over that of arXiv:1910.04901."""


@pytest.mark.parametrize("task, weight", [(task, LETTER_TO_TODAY) for task in (0, 2, 3)] + [(4, 1), (6, 1), (7, 1)])
def test_the_files_give_the_row_again(campaign, tmp_path, task, weight, capsys):
    name = tmp_path / "point"
    assert export_class.main([str(campaign), "--task", str(task), "-o", str(name)]) == 0
    row = read_results(campaign).select(task=task).scalars
    omega, mean = export_class.read_back(name)
    assert_allclose(omega, weight * row.Omega_h2.item(), rtol=2e-4)
    assert_allclose(mean, row.mean_momentum.item(), rtol=2e-4)
    q, f_0 = np.loadtxt(f"{name}.dat", unpack=True)  # without a header: CLASS reads numbers alone
    assert f_0[0] == pytest.approx(
        2 * float(read_results(campaign).select(task=task).spectra.f_s[0, 0]) / (2 * np.pi) ** 3
    )
    lines = Path(f"{name}.ini").read_text()
    for key in (
        "use_ncdm_psd_files = 1",
        "ncdm_psd_filenames = point.dat",
        "deg_ncdm = 1",
        "m_ncdm = 7100",
    ):
        assert f"\n{key}" in lines
    assert "T_cmb = 2.7255" in lines
    written = dict(line.split(" = ") for line in lines.splitlines() if not line.startswith("#"))
    assert float(written["omega_ncdm"]) == pytest.approx(weight * row.Omega_h2.item(), rel=1e-5)
    assert "T_ncdm = 0.71" in lines  # (3.91/10.75)^(1/3) = 0.7138, in both set-ups to 1 %
    assert "Omega h^2 = 0.1" in capsys.readouterr().out


def test_moments_are_those_of_a_fermi_dirac_distribution():
    """The standard neutrino of CLASS: at T_ncdm = 0.71611 its explanatory.ini has m/omega = 93.14 eV; <q> = 3.1514."""
    q = np.geomspace(1e-3, 20, 300)
    omega, mean = export_class.moments(q, 2 / (2 * np.pi) ** 3 / (np.exp(q) + 1), 0.71611, 1.0)
    assert_allclose(omega, 1 / 93.14, rtol=1e-4)
    assert_allclose(mean, 3.15137, rtol=2e-5)


def test_the_constants_of_the_package_are_those_of_class():
    """Its background.h: _G_, _c_, _k_B_, _h_P_, _eV_ and _Mpc_over_m_; s_0 of 2.7255 K and g_s = 3.91."""
    g, c, k_b, h_p, ev, mpc = 6.67428e-11, 2.99792458e8, 1.3806504e-23, 6.62606896e-34, 1.602176487e-19, 3.0856776e22
    entropy = 2 * np.pi**2 / 45 * 3.91 * (2 * np.pi * k_b * 2.7255 / (h_p * c)) ** 3
    critical = 3 * (1e5 / mpc) ** 2 / (8 * np.pi * g)
    expected = 1e9 * ev / c**2 * entropy / critical  # m = 1 GeV
    assert_allclose(relic.OMEGA_PER_YIELD, expected, rtol=1e-5)
    assert_allclose(relic.OMEGA_PER_YIELD / PAPER_OMEGA_PER_YIELD, LETTER_TO_TODAY, rtol=1e-5)


@pytest.mark.parametrize(
    "change, task, words",
    [("", 1, "no_solution"), ("points: 200", 0, "expected more"), ("[1e-3, 30]", 0, "expected more"),
     ("output", 0, "output: momenta")],
)  # fmt: skip
def test_what_cannot_be_exported_is_refused(campaign, tmp_path, capsys, change, task, words):
    text = {
        "": CAMPAIGN,
        "points: 200": CAMPAIGN.replace("points: 200", "points: 6"),
        "[1e-3, 30]": CAMPAIGN.replace("[1e-3, 30]", "[1e-3, 3]"),
        "output": CAMPAIGN[: CAMPAIGN.index("output")],
    }[change]
    output = campaign
    if change:
        output = tmp_path / "other.h5"
        assert cli.main(["run", str(write(tmp_path, text.replace("[0.1, 1]", "[0.1]"))), "-o", str(output)]) == COMPLETE
    assert export_class.main([str(output), "--task", str(task), "-o", str(tmp_path / "point")]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.glob("point*"))
