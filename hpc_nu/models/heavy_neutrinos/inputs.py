"""What the model of the lepton asymmetries can be given, and what it gives: parameters, settings and observables."""

import numpy as np

from hpc_nu.models.equation_of_state import equation_of_state_setting
from hpc_nu.models.heavy_neutrinos.light_neutrinos import HIERARCHY, fit_setting
from hpc_nu.models.heavy_neutrinos.thermal_settings import FACTORS, SWITCHES
from hpc_nu.models.interface import Observable, Parameter, Setting
from hpc_nu.plasma import expansion
from hpc_nu.units import SPHALERON_FREEZE_OUT

PARAMETERS = (
    Parameter("M", "GeV", 0.1, 30.0, "common mass of the two heavy neutrinos", "M"),
    Parameter("delta_M", "GeV", 0.0, 1e-6, "half of their Majorana mass difference, M_3 - M_2 = 2 delta_M", "dM"),
    Parameter("im_omega", "rad", -10.0, 10.0, "imaginary part of the Casas-Ibarra angle: |F| ~ exp|Im w|", "Im w"),
    Parameter("re_omega", "rad", -4 * np.pi, 4 * np.pi, "real part of the Casas-Ibarra angle", "Re w"),
    Parameter("delta", "rad", -4 * np.pi, 4 * np.pi, "Dirac phase of the PMNS matrix", "delta"),
    Parameter("eta", "rad", -4 * np.pi, 4 * np.pi, "Majorana phase of the PMNS matrix", "eta"),
)

SETTINGS = (
    HIERARCHY,
    fit_setting("nufit_3.2", "global fit of the oscillation data; nufit_3.2: EST"),
    Setting("T_start", 1e4, "temperature at which the solve starts", low=1.0, high=1e6, unit="GeV"),
    Setting("T_end", 10.0, "temperature at which the solve ends", low=1e-3, high=1e6, unit="GeV"),
    Setting("expansion", "full", "of the Universe: g_*(T), or constant as in EST", choices=tuple(expansion.KINDS)),
    equation_of_state_setting("of the bath, for the full expansion"),
    Setting(
        "susceptibilities",
        "standard_model",
        "omega(T) in mu = omega n, also with interacting quarks above the electroweak crossover, or constant at 2.29"
        " and 0.29 as in the broken phase at 10-100 GeV",
        choices=("standard_model", "interacting_quarks", "constant"),
    ),
    Setting(
        "T_sphaleron",
        SPHALERON_FREEZE_OUT,
        "temperature at which sphalerons freeze out, all at once: 131.7 +- 2.3 GeV, arXiv:1404.3565",
        low=50.0,
        high=200.0,
        unit="GeV",
    ),
    *SWITCHES,
    *FACTORS,
    Setting(
        "oscillation_weight",
        0.0,
        "least weight of errors of fast oscillations in the tolerance; 1 follows all of them for ever, not only as long"
        " as the final asymmetries depend on them",
        low=0.0,
        high=1.0,
    ),
    Setting(
        "initial_abundance",
        0.0,
        "heavy neutrinos at T_start, in units of those in equilibrium: 1 is a thermal start",
        low=0.0,
        high=2.0,
    ),
    Setting("derivatives", False, "of the final asymmetries by all parameters, at the price of about seven solves"),
)

DIFFERENTIATED = ("Y_Delta_e", "Y_Delta_mu", "Y_Delta_tau", "Y_L", "Y_B")
"""Of these there are derivatives."""

OBSERVABLES = (
    Observable("Y_Delta_e", "1", "electron asymmetry n_Delta_e/s at T_end"),
    Observable("Y_Delta_mu", "1", "muon asymmetry n_Delta_mu/s at T_end"),
    Observable("Y_Delta_tau", "1", "tau asymmetry n_Delta_tau/s at T_end"),
    Observable("Y_L", "1", "total lepton asymmetry, sum of Y_Delta_alpha, at T_end"),
    Observable("Y_N_2", "1", "yield of N_2 (mean of both helicities) at T_end"),
    Observable("Y_N_3", "1", "yield of N_3 (mean of both helicities) at T_end"),
    Observable(
        "Y_Delta_N", "1", "asymmetry of the heavy neutrinos, Tr(rho_N - rho_Nbar)/s, at T_end, eq. (4.2) of EST"
    ),
    Observable("Y_L_sphaleron", "1", "total lepton asymmetry at the sphaleron freeze-out, T_sphaleron"),
    Observable("Y_B", "1", "baryon asymmetry n_B/s, frozen in instantaneously at T_sphaleron"),
    Observable("Y_Delta_e_max", "1", "electron asymmetry of largest modulus from T_start to T_end, sec. 8 of EST"),
    Observable("T_Delta_e_max", "GeV", "temperature of that maximum"),
    Observable("Y_Delta_e", "1", "electron asymmetry n_Delta_e/s", "trajectory"),
    Observable("Y_Delta_mu", "1", "muon asymmetry n_Delta_mu/s", "trajectory"),
    Observable("Y_Delta_tau", "1", "tau asymmetry n_Delta_tau/s", "trajectory"),
    Observable("Y_L", "1", "total lepton asymmetry, sum of Y_Delta_alpha", "trajectory"),
    Observable("Y_N_2", "1", "yield of N_2 (mean of both helicities)", "trajectory"),
    Observable("Y_N_3", "1", "yield of N_3 (mean of both helicities)", "trajectory"),
    Observable("Y_N_eq", "1", "equilibrium yield of one heavy neutrino, one helicity", "trajectory"),
    Observable("Y_Delta_N", "1", "asymmetry of the heavy neutrinos, eq. (4.2) of EST", "trajectory"),
    Observable("Gamma_N_small_over_H", "1", "smaller eigenvalue of the momentum-averaged Gamma_N over H", "trajectory"),
    Observable("Gamma_N_large_over_H", "1", "larger eigenvalue of the momentum-averaged Gamma_N over H", "trajectory"),
    Observable(
        "Gamma_osc_over_H", "1", "oscillation rate M delta M(T)/(3 T H), eqs. (4.5), (4.7) of EST", "trajectory"
    ),
    Observable("momentum", "1", "y = k/T of the mode at T_end", "mode"),
    Observable("weight", "1", "quadrature weight of the mode at T_end, n/T^3 = sum of weight f", "mode"),
    Observable("f_N_2", "1", "occupation of N_2 (mean of both helicities) at T_end", "mode"),
    Observable("f_N_3", "1", "occupation of N_3 (mean of both helicities) at T_end", "mode"),
    Observable("f_Delta_N", "1", "Tr(rho_N - rho_Nbar) at T_end", "mode"),
    *(
        Observable(f"{name}_by_{p.name}", f"1/{p.unit}", f"derivative of {name} by {p.name}", only_with="derivatives")
        for name in DIFFERENTIATED
        for p in PARAMETERS
    ),
)
