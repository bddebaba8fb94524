"""keV sterile neutrinos from oscillations of active ones: Dodelson-Widrow, alone or with new interactions.

The equations, and what is not in them, are in `system`.
"""

from hpc_nu.models.interface import Outcome
from hpc_nu.models.kev_neutrinos.inputs import PARAMETERS, SETTINGS, KevNeutrinoModel
from hpc_nu.models.kev_neutrinos.system import OBSERVABLES, System, solve_cost
from hpc_nu.result_codes import ResultCode


class DodelsonWidrow(KevNeutrinoModel):
    """See the module's head."""

    name = "dodelson_widrow"
    title = "sterile neutrinos of the keV scale from oscillations, alone or with new interactions of active neutrinos"
    parameters = PARAMETERS
    settings = SETTINGS
    observables = OBSERVABLES

    def cost(self, problem):
        return solve_cost(problem)

    def solve(self, problem, state=None, pause=lambda: False):
        point = problem.point
        system = System(point, problem.settings, problem.grid, problem.momenta)
        return Outcome(
            ResultCode.DONE, system.observables(point["coupling"], point["sin2_2theta"], problem.temperatures)
        )
