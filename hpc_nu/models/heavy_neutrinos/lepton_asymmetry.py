"""Lepton asymmetries of the nuMSM from the oscillations of two GeV-scale heavy neutrinos (heavy neutral leptons, HNLs).

What is solved, and what is not covered, is in `asymmetry_model`.  Couplings are those of Casas and Ibarra,
F = U sqrt(m) Omega sqrt(M)/v (`hpc_nu.seesaw.casas_ibarra`), so that they fit the oscillation data; that is also what
the overall sign of the asymmetries belongs to.
"""

import numpy as np

from hpc_nu.models.heavy_neutrinos.asymmetry_model import AsymmetryModel
from hpc_nu.models.heavy_neutrinos.inputs import OBSERVABLES, PARAMETERS, SETTINGS
from hpc_nu.models.heavy_neutrinos.light_neutrinos import OWN_OSCILLATION_DATA, light_neutrinos
from hpc_nu.models.heavy_neutrinos.system import Pair
from hpc_nu.seesaw.casas_ibarra import yukawa_couplings, yukawa_derivatives
from hpc_nu.seesaw.mass_splitting import vacuum_splitting_vector


class LeptonAsymmetry(AsymmetryModel):
    """See the module's head."""

    name = "lepton_asymmetry"
    title = "lepton asymmetries of the nuMSM, momentum-averaged or momentum-resolved"
    reference = "Eijima, Shaposhnikov and Timiryasov, arXiv:2011.12637, secs. 2 and 6"
    parameters = (*PARAMETERS, *OWN_OSCILLATION_DATA)
    settings = SETTINGS
    observables = OBSERVABLES

    def pair(self, problem):
        point, data = problem.point, light_neutrinos(problem.point, problem.settings)
        arguments = data, point["M"], point["delta"], point["eta"], point["re_omega"], point["im_omega"]

        def changes():
            changes = yukawa_derivatives(*arguments)
            return changes | {"M": changes["mass"], "delta_M": np.zeros((3, 2))}

        vacuum = vacuum_splitting_vector(data, problem.tuned("delta_M"), problem.tuned("re_omega"))
        return Pair(point["M"], point["delta_M"], yukawa_couplings(*arguments), vacuum, changes)
