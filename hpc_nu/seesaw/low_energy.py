"""Low-energy constants of two nearly degenerate heavy neutrinos, Ghiglieri and Laine, arXiv:2004.10766 ("GL").

With coefficients per unit Yukawa coupling squared, Q+ = (gamma_c + gamma_v)/2, Q- = (gamma_c - gamma_v)/2 and
U+ = -(h_c + h_v) of `hpc_nu.seesaw.thermal_rates`, and <...> = int k^2 n_F(omega) ... / int k^2 n_F(omega), eq. (2.2),

    H_lambda  = (H_22^2 + H_23^2)^1/2,
    H_22      = <omega_2 - omega_3>/2 - sum_a (|h_2a|^2 - |h_3a|^2) <U+_a>/2,
    H_23      = sum_a Re(h_2a h*_3a) <U+_a>,
    Gamma_H   = sum_a (|h_2a|^2 + |h_3a|^2) <Q+_a>,
    Gamma_osc = sum_a Im(h_2a h*_3a) <Q-_a>,

which are eqs. (3.1)-(3.3) before they are divided by 3 c_s^2 H.

H_lambda is what an exquisite cancellation leaves: of two terms of 1e8 H each.  So no term is ever added up and then
subtracted.  With U+ = -(v^2/2)/omega + thermal part, the flavour sums of the first, large part are eq. (4.4), exact
because V_PMNS is unitary, and with m_a < m_b the two massive light neutrinos, delta_m = m_b - m_a, m_bar = m_b + m_a,

    2 H_22 = -<1/omega> M {(Delta M - delta_m) + 2 delta_m cos^2(Re z) + Delta M m_bar cosh(2 Im z)/(2M)} + thermal
      H_23 = -<1/omega> (M_2 M_3)^1/2 delta_m sin(2 Re z)/2                                              + thermal

in which Delta M - delta_m is summed as (tuned value - delta_m) + offset, and Re z = tuned value + offset by the
addition theorems.  (Yukawa couplings as numbers in place of eq. (4.4): errors of 1e-3 H at Im z = 6.  M_3 - M_2 in
place of Delta M: nothing but noise.)

Not covered: chemical potentials, corrections of higher order to U+, which are expected to move the tuned point.
At M/T of 40 and more Q- is a tiny difference of Q's, and only as accurate as their table: 1e-5 of Q+.
"""

import cmath
import math
from typing import NamedTuple

import numpy as np

from hpc_nu.plasma import active_neutrino
from hpc_nu.plasma.standard_model import ELECTROWEAK_VEV
from hpc_nu.seesaw.thermal_rates import AVERAGE_NODES, hamiltonian_shifts, momentum_average, thermal_rates

DELTA_SIGNS = ("pdg", "conjugate")
"""Sign of the Dirac phase in V_PMNS: U_e3 = sin(theta_13) e^(-i delta), that of the PDG, or e^(+i delta).

Eq. (4.2) of GL has the hermitian conjugate of V_PMNS and leaves its convention open.  At the point of sec. 5 the
numbers that are printed do not agree on it: the constants of eq. (5.1) are met to 0.3 % with the second and to 2 % with
the first, the baryon asymmetry of footnote 3, 1.65e-10, with the first (the model `lepton_asymmetry` gives 1.65e-10
momentum-averaged, and 2.67e-10 with the second).
"""

_COLD = 5.0
"""Below this temperature [GeV] v(T) is V in double precision, and direct reactions are absent."""

_COLD_NODES = 32
"""Of the momentum average below that temperature, where no level crosses: good to 2e-8."""


class AveragedCoefficients(NamedTuple):
    """Momentum averages at one M and T; arrays (3,) for e, mu, tau.

    Attributes
    ----------
    inverse_energy : float [1/GeV]
        <1/omega>.
    q_plus, q_minus : (3,) arrays [GeV]
        <Q+>, <Q->.
    u_thermal : (3,) array [GeV]
        <U+> + V^2 <1/omega>/2, V = 246 GeV: all but the vacuum part, 1e-9 of it at 0.5 GeV.
    """

    inverse_energy: float
    q_plus: np.ndarray
    q_minus: np.ndarray
    u_thermal: np.ndarray


def averaged_coefficients(
    mass, temperature, self_energy=active_neutrino.self_energy, crossover="leading_order", colour_factor=1.0
):
    """`AveragedCoefficients` at `mass` [GeV] and `temperature` [GeV].

    The other arguments are those of `thermal_rates`.  Without a table of the self-energy it takes a second.
    """
    switches = {"self_energy": self_energy, "crossover": crossover, "colour_factor": colour_factor}

    def per_momentum(t, k, m):
        rates = thermal_rates(t, k, m, **switches)
        omega = np.sqrt(k**2 + m**2)[..., np.newaxis]
        if temperature < _COLD:
            shift = sum(hamiltonian_shifts(t, k, m, **switches))
        else:  # h_c and h_v differ from their vacuum form at least by 1e-5 of it
            shift = rates.h_c + rates.h_v - ELECTROWEAK_VEV**2 / (2 * omega)
        return 1 / omega, (rates.gamma_c + rates.gamma_v) / 2, (rates.gamma_c - rates.gamma_v) / 2, -shift

    n_nodes = _COLD_NODES if temperature < _COLD else AVERAGE_NODES
    inverse_energy, q_plus, q_minus, u_thermal = momentum_average(per_momentum, temperature, mass, n_nodes)
    return AveragedCoefficients(float(inverse_energy[0]), q_plus, q_minus, u_thermal)


def yukawa_couplings(data, mass, delta_mass, z, delta, phi, delta_sign="pdg"):
    """h_Ia = -i (M_I)^1/2 [R P sqrt(m_nu) V^dagger]_Ia sqrt(2)/V, eqs. (4.1)-(4.3) of GL.

    P has e^(-i phi) at the light neutrino of mass m_2 in both hierarchies: the lighter of the two that have a mass in
    the normal, the heavier in the inverted one.  With F of `casas_ibarra` at omega = -z^*, eta = phi, h^* = i F^T.

    Parameters
    ----------
    data : OscillationData
    mass : float [GeV]
        (M_2 + M_3)/2.
    delta_mass : float [GeV]
        M_3 - M_2.
    z : complex
        Casas-Ibarra angle.
    delta, phi : float [rad]
        Dirac phase, and Majorana phase phi_1.
    delta_sign : str
        One of `DELTA_SIGNS`.

    Returns
    -------
    h_2, h_3 : (3,) complex arrays
        For e, mu, tau.
    """
    m_a, m_b = data.light_masses
    first = 1 if data.hierarchy == "normal" else 0
    pmns = data.pmns(delta if delta_sign == "pdg" else -delta, phi)
    a = pmns[:, first].conj() * math.sqrt(m_a)
    b = pmns[:, first + 1].conj() * math.sqrt(m_b)
    cos, sin = cmath.cos(z), cmath.sin(z)
    scale_2 = -1j * math.sqrt(2 * (mass - delta_mass / 2)) / ELECTROWEAK_VEV
    scale_3 = -1j * math.sqrt(2 * (mass + delta_mass / 2)) / ELECTROWEAK_VEV
    return scale_2 * (cos * a + sin * b), scale_3 * (cos * b - sin * a)


class LowEnergyConstants(NamedTuple):
    """All in GeV; the hatted constants of GL are these over 3 c_s^2 H.

    Attributes
    ----------
    h_diagonal, h_mixed : float
        H_22 = -H_33 and H_23 = H_32 of the traceless Hamiltonian, the two terms of H_lambda, with their signs.
    h_lambda : float
        Eq. (3.1): the positive eigenvalue of that matrix.
    h_lambda_vacuum : float
        The same without thermal corrections to U+: types (i) and (ii) of sec. 3.
    gamma_h, gamma_osc : float
        Eqs. (3.2), (3.3); of the latter the right-hand side.
    detuning : float
        Delta M less the one at which h_diagonal vanishes.
    """

    h_diagonal: float
    h_mixed: float
    h_lambda: float
    h_lambda_vacuum: float
    gamma_h: float
    gamma_osc: float
    detuning: float


def low_energy_constants(data, averages, mass, delta_mass, re_z, im_z, delta, phi, delta_sign="pdg"):
    """Eqs. (3.1)-(3.3) of GL times 3 c_s^2 H.

    Parameters
    ----------
    data : OscillationData
    averages : AveragedCoefficients
        At the same `mass`.
    mass : float [GeV]
        (M_2 + M_3)/2.
    delta_mass : (float, float) [GeV]
        M_3 - M_2 as tuned value and offset from it.
    re_z : (float, float) [rad]
        Real part of the Casas-Ibarra angle, likewise.
    im_z, delta, phi : float [rad]
    delta_sign : str
        One of `DELTA_SIGNS`.

    Returns
    -------
    LowEnergyConstants
    """
    total = delta_mass[0] + delta_mass[1]
    m_a, m_b = data.light_masses
    difference = m_b - m_a
    h_2, h_3 = yukawa_couplings(data, mass, total, complex(sum(re_z), im_z), delta, phi, delta_sign)
    square_2, square_3 = h_2.real**2 + h_2.imag**2, h_3.real**2 + h_3.imag**2
    mixed = h_2 * h_3.conj()

    tuned, offset = re_z
    cos = math.cos(tuned) * math.cos(offset) - math.sin(tuned) * math.sin(offset)
    sin_twice = math.sin(2 * tuned) * math.cos(2 * offset) + math.cos(2 * tuned) * math.sin(2 * offset)
    enhancement = (m_a + m_b) * math.cosh(2 * im_z) / (2 * mass)
    excess = (delta_mass[0] - difference) + delta_mass[1] + 2 * difference * cos**2 + total * enhancement
    slope = averages.inverse_energy * mass / 2  # of -h_diagonal, by Delta M
    geometric_mean = mass * math.sqrt(1 - (total / (2 * mass)) ** 2)
    diagonal = -slope * excess
    off_diagonal = -averages.inverse_energy * geometric_mean * difference * sin_twice / 2
    vacuum = math.hypot(diagonal, off_diagonal)
    diagonal -= float((square_2 - square_3) @ averages.u_thermal) / 2
    off_diagonal += float(mixed.real @ averages.u_thermal)
    return LowEnergyConstants(
        h_diagonal=diagonal,
        h_mixed=off_diagonal,
        h_lambda=math.hypot(diagonal, off_diagonal),
        h_lambda_vacuum=vacuum,
        gamma_h=float((square_2 + square_3) @ averages.q_plus),
        gamma_osc=float(mixed.imag @ averages.q_minus),
        detuning=-diagonal / (slope * (1 + enhancement)),
    )
