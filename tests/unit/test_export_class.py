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
settings: {mediator: scalar, setup: paper, g_dof: 2.0}
grids: [{kind: gauss_legendre, n_modes: 32}]
output: {momenta: {log: [1e-3, 30], points: 200}}
"""


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Tasks 0, 2 and 3 are done; 1 has no solution."""
    folder = tmp_path_factory.mktemp("spectra")
    output = folder / "spectra.h5"
    assert cli.main(["run", str(write(folder, CAMPAIGN)), "-o", str(output)]) == COMPLETE
    return output


@pytest.mark.parametrize("task", [0, 2, 3])
def test_the_files_give_the_row_again(campaign, tmp_path, task, capsys):
    name = tmp_path / "point"
    assert export_class.main([str(campaign), "--task", str(task), "-o", str(name)]) == 0
    row = read_results(campaign).select(task=task).scalars
    omega, mean = export_class.read_back(name)
    assert_allclose(omega, row.Omega_h2.item(), rtol=1e-3)
    assert_allclose(mean, row.mean_momentum.item(), rtol=1e-3)
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
        "omega_ncdm",
    ):
        assert f"\n{key}" in lines
    assert "T_ncdm = 0.7138" in lines  # (3.91/10.75)^(1/3)
    assert "Omega h^2 = 0.12" in capsys.readouterr().out


def test_moments_are_those_of_a_fermi_dirac_distribution():
    """One neutrino of 1 eV at (4/11)^(1/3): Omega h^2 = 1/94.1 with three per cent of rounding; <q> = 3.1514."""
    q = np.geomspace(1e-3, 20, 300)
    omega, mean = export_class.moments(q, 2 / (2 * np.pi) ** 3 / (np.exp(q) + 1), (4 / 11) ** (1 / 3), 1.0)
    assert_allclose(omega, 1 / 94.1, rtol=5e-3)
    assert_allclose(mean, 3.15137, rtol=2e-5)


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
