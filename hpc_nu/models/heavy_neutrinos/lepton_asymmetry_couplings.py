"""Lepton asymmetries from Yukawa couplings as they are: six moduli and six phases, in the basis of the heavy masses.

What is solved, and what is not covered, is in `asymmetry_model`.  Nobody asks whether couplings fit the oscillation
data.  M_3 - M_2 may be a tenth of M: couplings and oscillations in vacuum know both masses; rates, and the momenta that
are in equilibrium, are those of the mean mass, so that what is of order (M_3 - M_2)/M is neglected in them.
"""

import numpy as np

from hpc_nu.models.heavy_neutrinos.asymmetry_model import AsymmetryModel
from hpc_nu.models.heavy_neutrinos.inputs import OBSERVABLES, SETTINGS
from hpc_nu.models.heavy_neutrinos.system import Pair
from hpc_nu.models.interface import Parameter
from hpc_nu.plasma.active_neutrino import MAX_MASS
from hpc_nu.plasma.standard_model import FLAVOUR_NAMES
from hpc_nu.seesaw.casas_ibarra import NEUTRAL_VEV, pauli_components

_LARGEST_SPLITTING = 0.1
"""(M_3 - M_2)/M."""

_ENTRIES = tuple(f"{flavour}{i}" for flavour in FLAVOUR_NAMES for i in (2, 3))

_OF_LIGHT_NEUTRINOS = ("hierarchy", "oscillation_data", "derivatives")

_LIGHT_MASSES = 5.86e-11
"""Sum of the light masses [GeV], eq. (A.3), normal hierarchy: for where only the size of couplings is known."""


def yukawa_matrix(point):
    """F_aI of the parameters F_e2, F_e2_phase, ...: a (3, 2) complex array, or (3, 2, n_tasks) of as many points."""
    entries = [point[f"F_{entry}"] * np.exp(1j * point[f"F_{entry}_phase"]) for entry in _ENTRIES]
    return np.array(entries).reshape(3, 2, *np.shape(entries[0]))


class LeptonAsymmetryCouplings(AsymmetryModel):
    """See the module's head."""

    name = "lepton_asymmetry_couplings"
    title = "lepton asymmetries of two heavy neutrinos with given Yukawa couplings"
    reference = "Eijima, Shaposhnikov and Timiryasov, arXiv:2011.12637, eqs. (2.1), (2.2)"
    parameters = (
        Parameter("M", "GeV", 0.1, MAX_MASS, "mean mass (M_2 + M_3)/2 of the two heavy neutrinos", "M"),
        Parameter("delta_M", "GeV", 0.0, 0.5 * _LARGEST_SPLITTING * MAX_MASS, "half of M_3 - M_2", "dM"),
        *(Parameter(f"F_{entry}", "1", 0.0, 1e-3, f"|F_{entry}|", f"|F_{entry}|") for entry in _ENTRIES),
        *(
            Parameter(f"F_{entry}_phase", "rad", -4 * np.pi, 4 * np.pi, f"arg F_{entry}", f"arg F_{entry}", default=0.0)
            for entry in _ENTRIES
        ),
    )
    settings = tuple(setting for setting in SETTINGS if setting.name not in _OF_LIGHT_NEUTRINOS)
    observables = tuple(observable for observable in OBSERVABLES if not observable.only_with)

    def check_points(self, settings, points, temperatures):
        problems = super().check_points(settings, points, temperatures)
        splitting = 2 * points["delta_M"] / points["M"]
        if np.any(splitting > _LARGEST_SPLITTING):
            worst = int(np.argmax(splitting))
            problems.append(
                f"delta_M = {points['delta_M'][worst]:g} GeV with M = {points['M'][worst]:g} GeV: expected"
                f" M_3 - M_2 = 2 delta_M of at most {_LARGEST_SPLITTING:g} M"
            )
        if np.any(np.max([points[f"F_{entry}"] for entry in _ENTRIES], axis=0) == 0):
            problems.append("all Yukawa couplings of a point are 0: then there is nothing to solve")
        return problems

    def oscillation_and_washout(self, point, settings):
        """With the angle of Casas and Ibarra that couplings of this size have: sum |F|^2 ~ cosh(2 Im omega)."""
        size = sum(point[f"F_{entry}"] ** 2 for entry in _ENTRIES) * NEUTRAL_VEV**2 / (_LIGHT_MASSES * point["M"])
        return point["M"], point["delta_M"], np.arccosh(np.maximum(size, 1.0)) / 2

    def pair(self, problem):
        point = problem.point
        yukawas = yukawa_matrix(point)
        # h - v^2/(2E) is left to `hamiltonian_vector`; this is v^2/(2E) times E/M.
        _, a_1, _, a_3 = pauli_components(yukawas).sum(axis=0) * NEUTRAL_VEV**2 / point["M"]
        return Pair(point["M"], point["delta_M"], yukawas, np.array([a_1, 0.0, a_3 - point["delta_M"]]))
