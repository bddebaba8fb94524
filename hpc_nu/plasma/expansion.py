"""Expansion of the Universe with a constant number of degrees of freedom, as arXiv:2011.12637 has it.

With g_* constant, T ~ 1/a: the momentum y = k/T of a mode is conserved, and d/dt = H d/dz with z = ln(M/T), eq. (6.1a).
Not covered: g_*(T), and with it the redshift of momenta with s^(1/3) and dT/dt = -3 c_s^2 H T.
"""

REDUCED_PLANCK_TIME_SCALE = 7.12e17
"""M_0 in H = T^2/M_0 [GeV]: M_Pl/(1.66 sqrt(g_*)) with g_* = 106.75."""

ENTROPY_OVER_T3 = 46.8
"""s/T^3 = (2 pi^2/45) g_* with g_* = 106.75."""


def hubble_rate(temperature):
    """Hubble rate H = T^2/M_0 [GeV] at `temperature` [GeV]; arXiv:2011.12637 sec. 5.3 has it as t = M_0/(2 T^2)."""
    return temperature**2 / REDUCED_PLANCK_TIME_SCALE
