"""Rates and Hamiltonian of heavy neutrinos in the Standard Model bath, per unit Yukawa coupling squared, leading order.

    Gamma_N = sum_a (gamma_c Y_a + gamma_v Y_a^*)     H_N = vacuum part + sum_a (h_c Y_a + h_v Y_a^*)

with (Y_a)_IJ = F^*_aI F_aJ; "c" conserves fermion number, "v" violates it (gamma_+ and gamma_-, h_+ and h_- of
arXiv:2011.12637, eqs. (2.2), (A.1)).

Mixing ("indirect").  With Gamma_h and b_h of `hpc_nu.plasma.active_neutrino`, v_D = v(T)/sqrt(2),

    gamma_c = F v_D^2 (E + k)/(2E) Gamma_+/N_+,            h_c = v_D^2 (E + k)/(2E) (E + k - b_+)/N_+,
    gamma_v =   v_D^2 (E - k)/(2E) Gamma_-/N_-,            h_v = v_D^2 (E - k)/(2E) (E - k - b_-)/N_-,
    N_+ = (E + k - b_+)^2 + Gamma_+^2/4,                   N_- = (E - k - b_-)^2 + Gamma_-^2/4,

which are the formulas of arXiv:1703.06085 and arXiv:1808.10833 with E_nu = k + b_-.  gamma are equilibration rates,
d rho/dt = -gamma (rho - rho_eq).  For T -> 0, h_c = h_v = v_D^2/(2E), and gamma_c + gamma_v is v_D^2/M^2 times M/E
times the full width of a Majorana neutrino of unit mixing.  E - k is M^2/(E + k) throughout.

F = 1/[1 + (1.5 min(1, T^2/(100 GeV)^2) T/E)^2] is *ad hoc*: it removes the growth of gamma_c ~ k^-4 at k < T, which is
not there after resummation.  Without it, <gamma_c> is 1.5-2.5 times the published one between 100 and 135 GeV; below
30 GeV it does nothing.  For 30 < T < 130 GeV and k < 1.5 T, gamma_c is uncertain by a factor of 2.

Whether there is F at all is open with calculated direct reactions: to the order of Goldstone bosons among them, mixing
does contribute at k < T, and the published average it was matched to leaves it out.

Direct reactions with Higgs bosons and the symmetric phase are added to gamma_c, gamma_v and h_c: `direct_reactions`.

Mixing fades out as v(T)/T goes from 0.02 to 0.01.

Next-to-leading order lowers Gamma_- by 15-40 % where pi T >> m_W (Jackson and Laine, arXiv:1910.12880).  It is not
calculated here; `nlo_reduction` puts in a fraction, which sets in between pi T = m_W(T) and three times that.

Not covered: asymmetries in b_h, coherence between the helicity states, M > 40 GeV.
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.plasma import active_neutrino
from hpc_nu.plasma import standard_model as sm
from hpc_nu.plasma.higgs import higgs_expectation_value, particle_mass
from hpc_nu.plasma.thermodynamics import smoothstep
from hpc_nu.seesaw.direct_reactions import direct_rates, goldstone_width

PROPAGATORS = {
    "full": "E - k - b_- in the denominators of gamma_v and h_v: with the level crossing E = k + b_-",
    "expanded": "b_- alone, as in arXiv:1605.07720; refused below `EXPANDED_ABOVE`",
}

EXPANDED_ABOVE = 80.0
"""[GeV].  The expansion is one in M^2/(2k b_-), and b_- has a zero between 10 and 30 GeV."""

AVERAGE_NODES = 48
"""Of `momentum_average`: see there."""

_FADING_MIXING = (0.01, 0.02)  # v/T


class ThermalRates(NamedTuple):
    """(..., 3) arrays [GeV], flavours e, mu, tau last."""

    gamma_c: np.ndarray
    gamma_v: np.ndarray
    h_c: np.ndarray
    h_v: np.ndarray


class _Mixing(NamedTuple):
    """What all coefficients have in common, each (..., 3) [GeV] or broadcastable to it; "near" is h = -1, "far" +1."""

    energy: np.ndarray
    vev_squared: np.ndarray  # v_D^2, faded out in the symmetric phase
    near: np.ndarray  # E - k
    far: np.ndarray  # E + k
    width_near: np.ndarray
    width_far: np.ndarray
    potential_near: np.ndarray
    potential_far: np.ndarray


def thermal_rates(
    temperature,
    momentum,
    mass,
    *,
    self_energy=active_neutrino.self_energy,
    crossover="leading_order",
    colour_factor=1.0,
    direct_reactions="calculated",
    soft_suppression=True,
    potential_factor=1.0,
    nlo_reduction=0.0,
    propagator="full",
):
    """gamma_c, gamma_v, h_c and h_v of the head of this module.

    Parameters
    ----------
    temperature, momentum, mass : arrays [GeV]
        T, k > 0 and 0 < M < 40 GeV; broadcast against each other.
    self_energy : callable
        Gamma_h and b_h: `active_neutrino.self_energy`, or the method of that name of a table.
    crossover : str
        One of `hpc_nu.plasma.higgs.CROSSOVERS`.
    colour_factor : float
        Multiplies N_c,eff, the number of colours that quarks have in effect.
    direct_reactions : str
        One of `hpc_nu.seesaw.direct_reactions.DIRECT_REACTIONS`.
    soft_suppression : bool
        With F.
    potential_factor : float
        Multiplies b_h, and h_c of direct reactions.
    nlo_reduction : float
        Gamma_- is smaller by this fraction where pi T >> m_W.
    propagator : str
        One of `PROPAGATORS`.

    Returns
    -------
    ThermalRates of (..., 3) arrays [GeV]
    """
    t, k, m = np.broadcast_arrays(*(np.asarray(x, dtype=float)[..., np.newaxis] for x in (temperature, momentum, mass)))
    x = _mixing(t, k, m, self_energy, crossover, colour_factor, potential_factor)
    width_near = x.width_near * (1 - nlo_reduction * _far_above_bosons(t, crossover))
    width_far = np.maximum(x.width_far - goldstone_width(direct_reactions, t, k, m, crossover), 0.0)
    if propagator == "full":
        detuning = x.near - x.potential_near
    elif propagator == "expanded":
        if np.any(t < EXPANDED_ABOVE):
            raise ValueError(
                f"thermal_rates: propagator = 'expanded' at temperature {t.min():g} GeV: it holds above "
                f"{EXPANDED_ABOVE:g} GeV only; use 'full' or start no lower"
            )
        detuning = -x.potential_near
    else:
        raise ValueError(f"propagator = {propagator!r}: expected one of {', '.join(PROPAGATORS)}")
    near = _lorentzian(x.vev_squared * x.near / (2 * x.energy), detuning, width_near)
    detuning_far = x.far - x.potential_far
    far = _lorentzian(x.vev_squared * x.far / (2 * x.energy), detuning_far, width_far)
    gamma_c, gamma_v = far * width_far, near * width_near
    h_c, h_v = far * detuning_far, near * detuning
    if soft_suppression:
        gamma_c = gamma_c * _soft_suppression(t, x.energy)
    direct_c, direct_v, direct_h_c = direct_rates(direct_reactions, t, k, m, crossover)
    return ThermalRates(gamma_c + direct_c, gamma_v + direct_v, h_c + potential_factor * direct_h_c, h_v)


def _lorentzian(strength, detuning, width):
    """strength/(detuning^2 + width^2/4), and 0 without mixing, where there is no self-energy either."""
    norm = detuning**2 + width**2 / 4
    return np.divide(strength, norm, out=np.zeros_like(norm), where=strength > 0)


def hamiltonian_shifts(
    temperature,
    momentum,
    mass,
    *,
    self_energy=active_neutrino.self_energy,
    crossover="leading_order",
    colour_factor=1.0,
):
    """h_c and h_v by mixing less their vacuum form v_D^2(T)/(2E), without cancellation.

    At T << M the two are alike to 1e-9, and yet energy differences can be fine-tuned to depend on this.

    Returns
    -------
    shift_c, shift_v : (..., 3) arrays [GeV]
        Arguments as those of `thermal_rates`.
    """
    t, k, m = np.broadcast_arrays(*(np.asarray(x, dtype=float)[..., np.newaxis] for x in (temperature, momentum, mass)))
    x = _mixing(t, k, m, self_energy, crossover, colour_factor)
    shifts = []
    for gap, potential, width in (
        (x.far, x.potential_far, x.width_far),
        (x.near, x.potential_near, x.width_near),
    ):
        norm = (gap - potential) ** 2 + width**2 / 4
        shifts.append(x.vev_squared / (2 * x.energy) * (potential * (gap - potential) - width**2 / 4) / norm)
    return tuple(shifts)


def _mixing(temperature, momentum, mass, self_energy, crossover, colour_factor, potential_factor=1.0):
    """`_Mixing` for arguments of shape (..., 1); the self-energy only where mixing counts."""
    t, k, m = temperature, momentum, mass
    energy = np.sqrt(k**2 + m**2)
    vev = higgs_expectation_value(t, crossover)
    fading = smoothstep(np.log(np.maximum(vev / t, 1e-9)), *np.log(_FADING_MIXING))  # v underflows far above T_c
    vev_squared = fading * vev**2 / 2
    counts = vev_squared[..., 0] > 0
    width, potential = np.zeros((2, *t.shape[:-1], sm.N_FLAVOURS, 2))
    width[counts], potential[counts] = self_energy(k[counts, 0], m[counts, 0], t[counts, 0], crossover, colour_factor)
    potential *= potential_factor
    return _Mixing(
        energy=energy,
        vev_squared=vev_squared,
        near=m**2 / (energy + k),
        far=energy + k,
        width_near=width[..., 0],
        width_far=width[..., 1],
        potential_near=potential[..., 0],
        potential_far=potential[..., 1],
    )


def _far_above_bosons(temperature, crossover):
    """1 where pi T >> m_W, 0 below pi T = m_W."""
    mass = particle_mass("W", temperature, crossover)
    return smoothstep(np.log(np.pi * temperature / np.maximum(mass, 1e-9 * temperature)), 0.0, np.log(3.0))


def _soft_suppression(temperature, energy):
    """F."""
    return 1 / (1 + (1.5 * np.minimum(1.0, (temperature / 100) ** 2) * temperature / energy) ** 2)


def momentum_average(function, temperature, mass, n_nodes=AVERAGE_NODES):
    """<X> = int dk k^2 n_F(E) X / int dk k^2 n_F(E).

    Gauss-Legendre in s with E - M = T s^2, k = s [T (T s^2 + 2M)]^(1/2), from 0 to 45 T: smooth at k = 0 for any M/T.
    With 48 nodes powers of k are exact to 1e-9, `thermal_rates` to 1e-5 below 60 GeV, h_c to 1e-4 beyond; above 100 GeV
    gamma_c, calculated from first principles, to 6e-4, and gamma_v, which falls like k^-3, to 1e-2; below 150 GeV
    that has a narrow resonance at k ~ 0.01 T if M <= 1 GeV.

    Parameters
    ----------
    function : callable
        (temperature, momentum, mass) [GeV], the first two of shape (..., n_nodes) and (..., 1) as arrays, to an array
        of shape (..., n_nodes, *any), or to a tuple of them such as `ThermalRates`.
    temperature, mass : arrays [GeV]
        Broadcast against each other.
    n_nodes : int

    Returns
    -------
    (..., *any) array, or what `function` returns made of those
    """
    t, m = np.broadcast_arrays(np.asarray(temperature, float), np.asarray(mass, float))
    t, m = t[..., np.newaxis], m[..., np.newaxis]
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    end = np.sqrt(45.0)
    s = end * (nodes + 1) / 2
    root = np.sqrt(t * (t * s**2 + 2 * m))
    k = s * root
    # k^2 dk = k E dE, dE = 2 T s ds; e^(-M/T) is common to all nodes and may underflow.
    weight = weights * s**2 * root * (m + t * s**2) / (np.exp(s**2) + np.exp(-m / t))
    weight = weight / weight.sum(axis=-1, keepdims=True)
    values = function(np.broadcast_to(t, k.shape), k, np.broadcast_to(m, k.shape))

    def average(value):
        value = np.asarray(value)
        extra = value.ndim - weight.ndim
        return (weight.reshape(*weight.shape, *(1,) * extra) * value).sum(axis=weight.ndim - 1)

    if not isinstance(values, tuple):
        return average(values)
    averages = [average(value) for value in values]
    return type(values)(*averages) if hasattr(values, "_fields") else tuple(averages)
