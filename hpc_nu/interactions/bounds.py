"""Upper limits on the coupling of a light mediator to neutrinos, as functions of its mass.

Every limit is a closed form, or one quadrature, of a width that is proportional to the coupling squared: infinite
where the decay is closed, and as long as widths grow like 1/m_V^2 proportional to m_V.  `BOUNDS` says which of them
holds for which mediator; `bounds_on` selects.

Sources: [KSTZ] arXiv:2005.03681, sec. III; [DSTZ] arXiv:1910.04901; [PDG] Workman et al., Prog. Theor. Exp. Phys. 2022,
083C01; [E949] arXiv:1606.09054; [NA62] arXiv:2101.12304.

Not covered, because they are measured or simulated curves and no formulas: SN 1987A, DUNE, beam dumps, neutrino
tridents, and all laboratory limits on gauged L_mu - L_tau and B - L.  `hpc_nu.interactions.digitised_limits` reads
them.  The searches behind the limits on mesons assume the spectrum of K -> mu nu nu nubar in the Standard Model.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hpc_nu.interactions import mediator_emission as emission
from hpc_nu.interactions.mediators import MEDIATORS
from hpc_nu.interactions.sterile_dark_matter import (
    contact_width,
    photon_width,
    three_neutrino_width,
)
from hpc_nu.plasma import standard_model as sm
from hpc_nu.units import AGE_OF_UNIVERSE, ENERGY_GEV, HBAR

HIGGS_WIDTH = 4e-3
"""[GeV], without invisible decays; sec. III B of [KSTZ]."""
HIGGS_INVISIBLE, HIGGS_INVISIBLE_HL_LHC = 0.24, 0.025
"""Branching ratio allowed now, and what the high-luminosity LHC would see; sec. III B of [KSTZ]."""
W_WIDTH_UNCERTAINTY = 42e-3
"""[GeV]; sec. III C of [KSTZ]."""
Z_INVISIBLE_UNCERTAINTY = 1.5e-3
"""[GeV], of 499.0 MeV, one standard deviation; [PDG]."""
KAON_TO_MUON_3NU = 2.4e-6
"""Branching ratio; [E949], as used by [KSTZ]."""
KAON_TO_MUON_3NU_NA62 = 1e-6
"""Branching ratio; [NA62]."""
PION_TO_MUON_3NU = 5e-6
"""Branching ratio; [PDG], as used by [KSTZ]."""
BBN_MASS = 5 * ENERGY_GEV["MeV"]
"""Sec. III F of [KSTZ]."""


def _coupling_at(limit, width, mass, *arguments):
    """The coupling at which a width proportional to its square is `limit`; infinite where the width is zero."""
    with np.errstate(divide="ignore"):
        return np.sqrt(limit / width(mass, 1.0, *arguments))


def coupling_limit_higgs(mass, branching_ratio=HIGGS_INVISIBLE, vertex="operator"):
    """Of a vector from h -> nu nubar V: Br = Gamma/(Gamma + 4 MeV) below the limit; sec. III B of [KSTZ].

    Parameters
    ----------
    mass : float or array [GeV]
        Of the mediator, as in all of this module.
    branching_ratio : float
    vertex : str
        Of `mediator_emission.HIGGS_VERTICES`.

    Returns
    -------
    float or array
        The largest coupling allowed; infinite where the decay is closed.
    """
    width = HIGGS_WIDTH * branching_ratio / (1 - branching_ratio)
    return _coupling_at(width, emission.higgs_to_vector, mass, vertex)


def coupling_limit_higgs_hl_lhc(mass, vertex="operator"):
    """Of a vector, expected from the high-luminosity LHC; sec. III B of [KSTZ]."""
    return coupling_limit_higgs(mass, HIGGS_INVISIBLE_HL_LHC, vertex)


def coupling_limit_w(mass):
    """Of a vector from W -> l nu V: less than the uncertainty of the width of the W; sec. III C of [KSTZ]."""
    return _coupling_at(W_WIDTH_UNCERTAINTY, emission.w_to_vector, mass)


def coupling_limit_z_vector(mass):
    """Of a vector from Gamma(Z -> invisible), real emission and loop, below its uncertainty; up to m_V of 1 TeV."""
    return _coupling_at(Z_INVISIBLE_UNCERTAINTY, emission.z_invisible_shift, mass)


def coupling_limit_z_scalar(mass):
    """Of a scalar from Z -> nu nu phi at tree level, below the uncertainty of Gamma(Z -> invisible).

    An estimate: the loop in Z -> nu nubar, of the same order, needs a cutoff; see `mediator_emission.z_to_scalar`.
    """
    return _coupling_at(Z_INVISIBLE_UNCERTAINTY, emission.z_to_scalar, mass)


def coupling_limit_kaon_vector(mass, branching_ratio=KAON_TO_MUON_3NU):
    """Of a vector to nu_mu from Br(K -> mu 3nu); sec. III E of [KSTZ], here with the mass of the muon."""
    width = branching_ratio * HBAR / emission.CHARGED_KAON_LIFETIME
    return _coupling_at(width, emission.meson_to_vector, mass, emission.CHARGED_KAON)


def coupling_limit_pion_vector(mass):
    """Of a vector to nu_mu from Br(pi -> mu 3nu); sec. III E of [KSTZ], here with the mass of the muon."""
    width = PION_TO_MUON_3NU * HBAR / emission.CHARGED_PION_LIFETIME
    return _coupling_at(width, emission.meson_to_vector, mass, emission.CHARGED_PION)


def coupling_limit_kaon_scalar(mass, branching_ratio=KAON_TO_MUON_3NU_NA62):
    """Of a scalar to nu_mu from Br(K -> mu 3nu): the green region of fig. 2 of [DSTZ], with the limit of [NA62]."""
    width = branching_ratio * HBAR / emission.CHARGED_KAON_LIFETIME
    return _coupling_at(width, emission.meson_to_scalar, mass, emission.CHARGED_KAON)


def coupling_limit_pion_scalar(mass):
    """Of a scalar to nu_mu from Br(pi -> mu 3nu)."""
    width = PION_TO_MUON_3NU * HBAR / emission.CHARGED_PION_LIFETIME
    return _coupling_at(width, emission.meson_to_scalar, mass, emission.CHARGED_PION)


def coupling_limit_bbn(mass):
    """Zero below 5 MeV, where a mediator in equilibrium adds to N_eff during nucleosynthesis, infinite above.

    Every coupling large enough to matter here brings the mediator into equilibrium; that is assumed, not checked.
    """
    return np.where(np.asarray(mass) < BBN_MASS, 0.0, np.inf)


def coupling_limit_lifetime(mass, m4, sin2_2theta, mediator):
    """From a lifetime of nu_4 longer than the age of the universe; fig. 2 of [DSTZ], sec. III A of [KSTZ].

    Parameters
    ----------
    mass, m4 : float or array [GeV]
        Of a mediator much heavier than nu_4, and of nu_4.
    sin2_2theta : float or array
    mediator : str
        Of `sterile_dark_matter.CONTACT_FACTORS`.

    Returns
    -------
    float or array, zero where nu_4 decays too fast without a mediator, infinite without mixing
    """
    left = HBAR / AGE_OF_UNIVERSE - three_neutrino_width(m4, sin2_2theta) - photon_width(m4, sin2_2theta)
    with np.errstate(divide="ignore"):
        return (np.maximum(left, 0.0) / contact_width(mass, 1.0, m4, sin2_2theta, mediator)) ** 0.25


class Bound(NamedTuple):
    """One upper limit on the coupling of some mediators.

    Attributes
    ----------
    name : str
        For columns such as coupling_limit_<name>.
    mediators : tuple of str
        Of `MEDIATORS`.
    limit : function of mass, or of (mass, m4, sin2_2theta) if `of_dark_matter`, (mass, vertex) if `of_higgs_vertex`
    source : str
    muon_flavour_only : bool
        Says nothing about couplings to other neutrinos than nu_mu.
    of_dark_matter : bool
        Depends on nu_4.
    expected : bool
        What an experiment will see, not what it has excluded.
    of_higgs_vertex : bool
        Depends on which of `mediator_emission.HIGGS_VERTICES` there is.
    """

    name: str
    description: str
    mediators: tuple
    limit: Callable
    source: str
    muon_flavour_only: bool = False
    of_dark_matter: bool = False
    expected: bool = False
    of_higgs_vertex: bool = False

    def coupling_limit(self, mass, m4, sin2_2theta, higgs_vertex="operator"):
        """The largest coupling allowed: masses [GeV] of the mediator and nu_4 and mixing, arrays that broadcast."""
        if self.of_dark_matter:
            return self.limit(mass, m4, sin2_2theta)
        return self.limit(mass, vertex=higgs_vertex) if self.of_higgs_vertex else self.limit(mass)


def _lifetime_limit(mediator):
    return lambda mass, m4, sin2_2theta: coupling_limit_lifetime(mass, m4, sin2_2theta, mediator)


_VECTOR, _SCALAR = ("neutrinophilic",), ("scalar",)
BOUNDS = (
    Bound("higgs", "invisible Higgs decays, Br < 24 %", _VECTOR, coupling_limit_higgs, "eqs. (3.1), (3.19) of [KSTZ]",
          of_higgs_vertex=True),
    Bound("higgs_hl_lhc", "invisible Higgs decays at the HL-LHC, Br < 2.5 %", _VECTOR, coupling_limit_higgs_hl_lhc,
          "eqs. (3.1), (3.19) of [KSTZ]", expected=True, of_higgs_vertex=True),
    Bound("w", "width of the W, 42 MeV", _VECTOR, coupling_limit_w, "eq. (3.20) of [KSTZ]"),
    Bound("z", "invisible width of the Z with the loop, 1.5 MeV", _VECTOR, coupling_limit_z_vector, "[PDG]"),
    Bound("z", "Z -> nu nu phi at tree level, 1.5 MeV, an estimate", _SCALAR, coupling_limit_z_scalar, "[PDG]"),
    Bound("kaon", "Br(K -> mu 3nu) < 2.4e-6", _VECTOR, coupling_limit_kaon_vector, "[E949], sec. III E of [KSTZ]",
          muon_flavour_only=True),
    Bound("kaon", "Br(K -> mu 3nu) < 1e-6", _SCALAR, coupling_limit_kaon_scalar, "[NA62], fig. 2 of [DSTZ]",
          muon_flavour_only=True),
    Bound("pion", "Br(pi -> mu 3nu) < 5e-6", _VECTOR, coupling_limit_pion_vector, "[PDG], sec. III E of [KSTZ]",
          muon_flavour_only=True),
    Bound("pion", "Br(pi -> mu 3nu) < 5e-6", _SCALAR, coupling_limit_pion_scalar, "[PDG]", muon_flavour_only=True),
    Bound("bbn", "nucleosynthesis, 0 below 5 MeV, where the mediator is taken to be in equilibrium", tuple(MEDIATORS),
          coupling_limit_bbn, "sec. III F of [KSTZ]"),
    *(Bound("lifetime", "nu_4 older than the universe", (name,), _lifetime_limit(name),
            "sec. III A of [KSTZ]; scalar: fig. 2 of [DSTZ]", of_dark_matter=True) for name in MEDIATORS),
)  # fmt: skip
"""For one mediator every name is there at most once."""


def bounds_on(mediator, flavour="mu"):
    """Those of `BOUNDS` that hold for a mediator coupled to nu_<flavour>, in their order.

    Raises
    ------
    ValueError
        For another name than one of `MEDIATORS` or `standard_model.FLAVOUR_NAMES`.
    """
    for name, value, accepted in (("mediator", mediator, MEDIATORS), ("flavour", flavour, sm.FLAVOUR_NAMES)):
        if value not in accepted:
            raise ValueError(f"{name} = {value!r}: expected one of {', '.join(accepted)}")
    return tuple(
        bound for bound in BOUNDS if mediator in bound.mediators and (flavour == "mu" or not bound.muon_flavour_only)
    )
