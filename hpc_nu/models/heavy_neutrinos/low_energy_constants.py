"""Low-energy constants for the resonance between two GeV-scale heavy neutrinos, arXiv:2004.10766, secs. 3 and 4.

No equation is solved in time: each point is a closed form (`hpc_nu.seesaw.low_energy`) of momentum averages that all
points of the same M and T share.  Hatted constants are over 3 c_s^2 H, with the Hubble rate of the thermal bath alone.

Conventions: M = (M_2 + M_3)/2, and delta_M = M_3 - M_2 is the whole difference (the model `lepton_asymmetry` has half
of it).  Fine-tuned values of delta_M and re_z should be given with `about`: offsets reach the formulas unrounded.
"""

import numpy as np

from hpc_nu.models.equation_of_state import equation_of_state_setting
from hpc_nu.models.heavy_neutrinos.light_neutrinos import HIERARCHY, OWN_OSCILLATION_DATA, fit_setting, light_neutrinos
from hpc_nu.models.heavy_neutrinos.thermal_settings import SWITCHES, ModelWithThermalRates
from hpc_nu.models.interface import Cost, Observable, Outcome, Parameter, Preparation, Setting
from hpc_nu.models.kept import kept
from hpc_nu.plasma import thermodynamics
from hpc_nu.plasma.standard_model import FLAVOUR_NAMES
from hpc_nu.plasma.table_file import shared_table
from hpc_nu.result_codes import ResultCode
from hpc_nu.seesaw.low_energy import DELTA_SIGNS, averaged_coefficients, low_energy_constants

_KEPT = 4096  # momentum averages and expansion rates, each of them small


@kept(_KEPT)
def _expansion(settings, temperature):
    """3 c_s^2 H [GeV]."""
    equation_of_state = settings["equation_of_state"]
    sound_speed_squared = thermodynamics.sound_speed_squared(temperature, equation_of_state)
    return float(3 * sound_speed_squared * thermodynamics.hubble_rate(temperature, equation_of_state))


_SWITCHES = ("self_energy", "crossover", "colour_factor")


@kept(_KEPT)
def _coefficients(settings, mass, temperature):
    self_energy = shared_table(settings["self_energy"], mass, settings["crossover"]).self_energy
    return averaged_coefficients(mass, temperature, self_energy, settings["crossover"], settings["colour_factor"])


class LowEnergyConstants(ModelWithThermalRates):
    """See the module's head."""

    name = "low_energy_constants"
    title = "low-energy constants of two nearly degenerate GeV-scale heavy neutrinos"
    reference = "Ghiglieri and Laine, arXiv:2004.10766, secs. 3 and 4"
    parameters = (
        Parameter("M", "GeV", 0.1, 30.0, "mean mass (M_2 + M_3)/2 of the two heavy neutrinos", "M", default=2.0),
        Parameter("delta_M", "GeV", 0.0, 1e-6, "mass difference M_3 - M_2", "dM"),
        Parameter("re_z", "rad", -4 * np.pi, 4 * np.pi, "real part of the Casas-Ibarra angle", "Re z"),
        Parameter("im_z", "rad", -10.0, 10.0, "imaginary part of the Casas-Ibarra angle", "Im z"),
        Parameter("delta", "rad", -4 * np.pi, 4 * np.pi, "Dirac phase of the PMNS matrix", "delta"),
        Parameter("phi", "rad", -4 * np.pi, 4 * np.pi, "Majorana phase phi_1 of eq. (4.3)", "phi_1"),
        Parameter("T", "GeV", 0.01, 1000.0, "temperature", "T", default=0.5),
        *OWN_OSCILLATION_DATA,
    )
    settings = (
        HIERARCHY,
        fit_setting("nufit_2.0"),
        Setting("delta_sign", "pdg", "sign of delta: U_e3 ~ e^(-i delta) (pdg) or e^(+i delta) (conjugate)",
                DELTA_SIGNS),
        equation_of_state_setting("of the bath, for H and c_s^2"),
        *(setting for setting in SWITCHES if setting.name in _SWITCHES),
    )  # fmt: skip
    observables = (
        Observable("H_lambda", "1", "eigenvalue of the traceless Hamiltonian over 3 c_s^2 H, eq. (3.1)"),
        Observable("Gamma_H", "1", "CP-even interaction rate over 3 c_s^2 H, eq. (3.2)"),
        Observable("Gamma_osc", "1", "CP-odd interaction rate over 3 c_s^2 H, eq. (3.3)"),
        Observable("Gamma_ratio", "1", "Gamma_osc/Gamma_H"),
        Observable("H_lambda_vacuum", "1", "H_lambda without thermal corrections: types (i) and (ii) of sec. 3"),
        Observable("H_diagonal", "1", "first term of eq. (3.1) with its sign: linear in delta_M"),
        Observable("H_mixed", "1", "second term of eq. (3.1) with its sign: linear in re_z near pi/2"),
        Observable("detuning", "GeV", "delta_M less the one at which H_diagonal vanishes"),
        Observable("H_lambda_rate", "GeV", "H_lambda not divided by 3 c_s^2 H"),
        Observable("Gamma_H_rate", "GeV", "Gamma_H not divided by 3 c_s^2 H"),
        Observable("Gamma_osc_rate", "GeV", "Gamma_osc not divided by 3 c_s^2 H"),
        Observable("expansion", "GeV", "3 c_s^2 H"),
        *(Observable(f"Q_ratio_{name}", "1", f"<Q->/<Q+> of the flavour {name}") for name in FLAVOUR_NAMES),
    )

    def temperature_span(self, settings, points, temperatures):
        return points["T"].min(), points["T"].max()

    def cost(self, problem):
        switches = tuple(problem.settings[name] for name in _SWITCHES)
        averages = Preparation(1e-3, ("M", "T"), "momentum averages", switches, kept=_KEPT)
        return Cost(4e-5, (self.mass_cost(problem.settings), averages))

    def solve(self, problem, state=None, pause=lambda: False):
        point, settings = problem.point, problem.settings
        averages = _coefficients(settings, point["M"], point["T"])
        expansion = _expansion(settings, point["T"])
        constants = low_energy_constants(
            light_neutrinos(point, settings),
            averages,
            point["M"],
            problem.tuned("delta_M"),
            problem.tuned("re_z"),
            point["im_z"],
            point["delta"],
            point["phi"],
            settings["delta_sign"],
        )
        scalars = {
            "H_lambda": constants.h_lambda / expansion,
            "Gamma_H": constants.gamma_h / expansion,
            "Gamma_osc": constants.gamma_osc / expansion,
            "Gamma_ratio": constants.gamma_osc / constants.gamma_h,
            "H_lambda_vacuum": constants.h_lambda_vacuum / expansion,
            "H_diagonal": constants.h_diagonal / expansion,
            "H_mixed": constants.h_mixed / expansion,
            "detuning": constants.detuning,
            "H_lambda_rate": constants.h_lambda,
            "Gamma_H_rate": constants.gamma_h,
            "Gamma_osc_rate": constants.gamma_osc,
            "expansion": expansion,
        }
        for name, ratio in zip(FLAVOUR_NAMES, averages.q_minus / averages.q_plus, strict=True):
            scalars[f"Q_ratio_{name}"] = float(ratio)
        return Outcome(ResultCode.DONE, {"scalar": scalars, "trajectory": {}, "spectrum": {}})
