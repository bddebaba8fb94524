"""Momentum grids: where the modes y = k/T sit and how integrals over them are done.

Every grid is a quadrature for number densities, n/T^3 = int d^3y/(2 pi)^3 f(y) ~ sum_k weights[k] f(nodes[k]), so
the weights contain y^2/(2 pi^2).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

GRID_KINDS = {
    "averaged": "one mode: the density matrix is proportional to equilibrium (arXiv:2011.12637, sec. 2)",
    "equal_occupation": "eq. (6.2) of arXiv:2011.12637: cells of equal occupation, trapezoidal rule",
    "gauss_legendre": "Gauss-Legendre in t with y = scale (1 + t)/(1 - t), for y from 0 to infinity",
}


@dataclass(frozen=True, eq=False)
class MomentumGrid:
    """Momentum modes and their quadrature.

    Attributes
    ----------
    kind : str
        One of `GRID_KINDS`.
    nodes : (n_modes,) array
        y = k/T, increasing.
    weights : (n_modes,) array
        Quadrature weights, y^2/(2 pi^2) included.

    The grid "averaged" has no nodes of its own: its `nodes` and `weights` are the fine quadrature with which a
    model averages its coefficients.
    """

    kind: str
    nodes: np.ndarray
    weights: np.ndarray

    @property
    def n_modes(self):
        return 1 if self.kind == "averaged" else len(self.nodes)


@lru_cache(maxsize=1)
def averaged():
    """The single mode of the momentum-averaged equations.

    The averages are done on 96 mapped Gauss-Legendre nodes: of rates that behave like 1/k^2 at small k, this many
    give the averages to 1e-9, of rates from interpolated tables that grow like 1/k^3 to 1e-3.
    """
    fine = gauss_legendre(96)
    return MomentumGrid("averaged", fine.nodes, fine.weights)


def gauss_legendre(n_modes, scale=3.0):
    """Gauss-Legendre nodes t mapped by y = scale (1 + t)/(1 - t).

    Spectrally accurate for smooth integrands that decay exponentially, and dense at y < 1, where rates grow like
    1/k^2; the classical Gauss-Laguerre rules put too few nodes there.
    """
    t, w = np.polynomial.legendre.leggauss(n_modes)
    y = scale * (1 + t) / (1 - t)
    return MomentumGrid("gauss_legendre", y, w * 2 * scale / (1 - t) ** 2 * y**2 / (2 * np.pi**2))


def equal_occupation(n_modes, y_min=0.1, y_max=20.0, soft_modes=()):
    """Nodes y_min ... y_max with equal Fermi-Dirac occupation between neighbours, eq. (6.2) of arXiv:2011.12637.

    `soft_modes` are the low momenta "added manually" there (y = 0.3, 0.5 ...); they count in `n_modes`.  The
    integrals are trapezoidal sums over [y_min, y_max]: what lies outside is dropped, as in the paper.
    """
    n_cells = n_modes - len(soft_modes) - 1
    if n_cells < 1:
        raise ValueError(f"{n_modes} modes of which {len(soft_modes)} soft: the grid itself needs two")

    def occupation(y):
        return quad(lambda q: q**2 / (np.exp(q) + 1), y_min, y, epsrel=1e-13)[0]

    total = occupation(y_max)
    inner = [
        brentq(lambda y, i=i: occupation(y) - total * i / n_cells, y_min, y_max, xtol=1e-13) for i in range(1, n_cells)
    ]
    y = np.sort(np.concatenate([[y_min], inner, [y_max], soft_modes]))
    dy = np.diff(y)
    w = 0.5 * (np.concatenate([dy, [0.0]]) + np.concatenate([[0.0], dy]))
    return MomentumGrid("equal_occupation", y, w * y**2 / (2 * np.pi**2))
