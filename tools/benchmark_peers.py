"""The lepton asymmetries for other people's solvers: one compiled right-hand side, its Jacobian, and who gets them.

Every solver integrates dv/dz = `slope`(z, v), v = u/scale with the unknowns u of `heavy_neutrinos.equations`, so that
one absolute tolerance, rtol itself, does for all components: numbalsoda takes a single number.  The right-hand side
reads the package's own rate table with the package's own functions.  omega(T) jumps where sphalerons freeze out; every
solver is stopped there and started again, as the package does.

All that the right-hand side needs is in one flat array, since that is what numbalsoda hands on.  The Jacobian is exact;
with "sparse" in a name it is given by its 64 n + 36 n + 9 elements that are not zero, out of (8 n + 3)^2.
"""

import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import carray, cfunc, njit, types
from scipy.integrate import odeint, solve_ivp
from scipy.sparse import csc_matrix

from hpc_nu.models.heavy_neutrinos.coefficients import coefficients_at, find_cell, susceptibility_at
from hpc_nu.models.heavy_neutrinos.equations import right_hand_side
from hpc_nu.models.heavy_neutrinos.error import ATOL_D, ATOL_S, ATOL_X
from hpc_nu.models.heavy_neutrinos.lepton_asymmetry import LeptonAsymmetry
from hpc_nu.models.heavy_neutrinos.system import System
from hpc_nu.seesaw.rate_table import F_EQ_SLOPE, LN_GAMMA_C, LN_GAMMA_V, N_CHANNELS

try:
    import numbalsoda
except ImportError:
    numbalsoda = None
try:
    from sksundae.cvode import CVODE
except ImportError:
    CVODE = None

SCALES = (ATOL_X, ATOL_S, ATOL_D)
"""Of X, s and d: absolute tolerances in units of rtol, as in the package's own error norm."""

# Slots at the beginning of the flat array.
LENGTH, N_MODES, N_CELLS, FIRST, LAST, DELTA_MASS, CALLS, N_SLOTS = range(8)
N_COLUMNS = 11  # of the Jacobian that are computed: one for each asymmetry, one for each component of all modes at once


class Segment(NamedTuple):
    """A stretch of z without a jump of the coefficients, and the first and the last cell of the table there."""

    begin: float
    end: float
    first: int
    last: int


class Equations(NamedTuple):
    """One problem.

    Attributes
    ----------
    parameters : flat array
        For `slope` and `jacobian`; see `pack`.
    start : (3 + 8 n_modes,) array
        The unknowns at the beginning, in units of their scales.
    yield_per_unknown : float
        Y_Delta_a = n_Delta_a/s per unknown.
    """

    parameters: np.ndarray
    start: np.ndarray
    segments: list
    yield_per_unknown: float


def equations(problem):
    """`Equations` of a `Problem` of the package."""
    run = System(problem, LeptonAsymmetry().pair(problem))
    evolution = run.evolution
    hot, cold = evolution.pieces[0], evolution.pieces[-1]
    ends = [evolution.stops[run.shared.freeze_out]] if hot is not cold else []
    ends = [evolution.z, *ends, evolution.stops[-1]]
    segments = [Segment(*z, e.first, e.last) for e, z in zip((hot, cold), pairwise(ends), strict=False)]
    scale = np.repeat(SCALES, [3, 4 * run.grid.n_modes, 4 * run.grid.n_modes])
    return Equations(pack(hot, scale), evolution.state.u / scale, segments, SCALES[0] / run.shared.entropy_at_start)


def pack(e, scale):
    """The flat array: the slots, then the parts in the order of `parts`, the last three to work in."""
    size, n_modes = len(scale), len(e.weights)
    slots = np.zeros(N_SLOTS)
    slots[[N_MODES, N_CELLS, DELTA_MASS]] = n_modes, len(e.cells), e.delta_mass
    data = [e.nodes, e.cells, e.omega, e.weights, e.flavours, e.rate_factors, scale]
    space = np.zeros(N_CHANNELS * n_modes + 9 + (1 + N_COLUMNS) * size)
    packed = np.concatenate([slots, *(np.ravel(part) for part in data), space])
    packed[LENGTH] = len(packed)
    return packed


@njit(cache=True, error_model="numpy")
def parts(p):
    """Views of the parts of the flat array."""
    n, n_cells = int(p[N_MODES]), int(p[N_CELLS])
    size = 3 + 8 * n
    nodes, rest = p[N_SLOTS : N_SLOTS + n_cells + 1], p[N_SLOTS + n_cells + 1 :]
    cells, rest = (
        rest[: n_cells * N_CHANNELS * 4 * n].reshape((n_cells, N_CHANNELS, 4, n)),
        rest[n_cells * N_CHANNELS * 4 * n :],
    )
    omega_cells, rest = rest[: n_cells * 36].reshape((n_cells, 4, 3, 3)), rest[n_cells * 36 :]
    weights, rest = rest[:n], rest[n:]
    flavours, rest = rest[:12].reshape((3, 4)), rest[12:]
    factors, rest = rest[:4], rest[4:]
    scale, rest = rest[:size], rest[size:]
    at_z, rest = rest[: N_CHANNELS * n].reshape((N_CHANNELS, n)), rest[N_CHANNELS * n :]
    omega, rest = rest[:9].reshape((3, 3)), rest[9:]
    u, columns = rest[:size], rest[size:].reshape((N_COLUMNS, size))
    return nodes, cells, omega_cells, weights, flavours, factors, scale, at_z, omega, u, columns


@njit(cache=True, error_model="numpy")
def slope(z, v, out, p):
    """dv/dz: v, out (3 + 8 n_modes,) arrays in units of the scales, p the flat array."""
    nodes, cells, omega_cells, weights, flavours, factors, scale, at_z, omega, u, _ = parts(p)
    p[CALLS] += 1
    cell = find_cell(z, nodes, int(p[FIRST]), int(p[LAST]))
    coefficients_at(cell, z - nodes[cell], cells, factors, weights.size, at_z.reshape(-1))
    susceptibility_at(cell, z - nodes[cell], omega_cells, 1, omega.reshape(-1))
    for i in range(u.size):
        u[i] = v[i] * scale[i]
    right_hand_side(u, at_z, weights, flavours, p[DELTA_MASS], omega, out)
    for i in range(u.size):
        out[i] /= scale[i]


@cfunc(types.void(types.double, *[types.CPointer(types.double)] * 3), cache=True)
def slope_for_c(z, v, out, p):
    size = 3 + 8 * int(p[N_MODES])
    slope(z, carray(v, (size,)), carray(out, (size,)), carray(p, (int(p[LENGTH]),)))


def pattern(n):
    """Rows and column pointers (compressed sparse columns) of the elements that `jacobian_elements` fills."""
    modes = 3 + np.arange(8)[:, np.newaxis] * n + np.arange(n)  # (component, mode): index of the unknown
    of_x = [np.concatenate([[0, 1, 2], modes[4:].ravel()])] * 3
    of_s = [modes[:, k] for _ in range(4) for k in range(n)]
    of_d = [np.concatenate([[0, 1, 2], rows]) for rows in of_s]
    columns = [*of_x, *of_s, *of_d]
    pointers = np.concatenate([[0], np.cumsum([len(rows) for rows in columns])])
    return np.concatenate(columns).astype(np.int32), pointers.astype(np.int32)


@njit(cache=True, error_model="numpy")
def jacobian_elements(z, out, p):
    """Fill `out` with the elements of d slope/dv in the order of `pattern`.

    Modes act on themselves and on the asymmetries alone, so one column for all modes at once holds the elements of all.
    """
    nodes, cells, omega_cells, weights, flavours, factors, scale, at_z, omega, u, columns = parts(p)
    n = weights.size
    cell = find_cell(z, nodes, int(p[FIRST]), int(p[LAST]))
    coefficients_at(cell, z - nodes[cell], cells, factors, n, at_z.reshape(-1))
    susceptibility_at(cell, z - nodes[cell], omega_cells, 1, omega.reshape(-1))
    at_z[F_EQ_SLOPE] = 0.0  # the inhomogeneous part
    u[:] = 0.0
    for j in range(N_COLUMNS):
        first, last = (j, j + 1) if j < 3 else (3 + (j - 3) * n, 3 + (j - 2) * n)
        u[first:last] = scale[first]
        right_hand_side(u, at_z, weights, flavours, p[DELTA_MASS], omega, columns[j])
        columns[j] /= scale
        u[first:last] = 0.0
    at = 0
    for b in range(3):
        for i in range(3):
            out[at] = columns[b, i]
            at += 1
        for i in range(3 + 4 * n, 3 + 8 * n):
            out[at] = columns[b, i]
            at += 1
    for j in range(8):
        for k in range(n):
            if j >= 4:  # X_a' = ... - 2 w_k Gt_a,k . d_k
                for a in range(3):
                    plus, minus = at_z[LN_GAMMA_C + a, k], at_z[LN_GAMMA_V + a, k]
                    rate = -(plus + minus) if j == 6 else minus - plus
                    out[at] = -2 * weights[k] * rate * flavours[a, j - 4] * scale[3 + 4 * n] / scale[0]
                    at += 1
            for i in range(8):
                out[at] = columns[3 + j, 3 + i * n + k]
                at += 1


@njit(cache=True, error_model="numpy")
def jacobian(z, v, f, out, p, elements, rows, pointers):
    """Fill `out` (size, size) with d slope/dv: the elements at their places, the rest zero."""
    jacobian_elements(z, elements, p)
    out[:] = 0.0
    for j in range(pointers.size - 1):
        for at in range(pointers[j], pointers[j + 1]):
            out[rows[at], j] = elements[at]


# Solvers: of a segment, from v, at tolerance rtol, to v at its end.


class Failed(Exception):
    """A solver gave up; the message is its own."""


def _scipy_functions(p, size):
    rows, pointers = pattern(int(p[N_MODES]))
    elements = np.empty(len(rows))

    def fun(z, v):
        out = np.empty(size)
        slope(z, v, out, p)
        return out

    def dense(z, v):
        out = np.empty((size, size))
        jacobian(z, v, v, out, p, elements, rows, pointers)
        return out

    def sparse(z, v):
        jacobian_elements(z, elements, p)
        return csc_matrix((elements.copy(), rows, pointers), (size, size))

    return fun, dense, sparse


def by_numbalsoda(p, v, segment, rtol):
    values, success = numbalsoda.lsoda(
        slope_for_c.address, v, np.array([segment.begin, segment.end]), p, rtol, rtol, 2**31 - 1
    )
    if not success:
        raise Failed("numbalsoda says no more than that")
    return values[-1]


def by_scipy_lsoda(p, v, segment, rtol):
    fun, dense, _ = _scipy_functions(p, len(v))
    span = [segment.begin, segment.end]
    values, info = odeint(
        fun, v, span, Dfun=dense, tfirst=True, rtol=rtol, atol=rtol, mxstep=2**31 - 1, full_output=True
    )
    if info["message"] != "Integration successful.":
        raise Failed(info["message"])
    return values[-1]


def _radau(p, v, segment, rtol, is_sparse):
    fun, dense, sparse = _scipy_functions(p, len(v))
    span = (segment.begin, segment.end)
    result = solve_ivp(fun, span, v, "Radau", rtol=rtol, atol=rtol, jac=sparse if is_sparse else dense)
    if not result.success:
        raise Failed(result.message)
    return result.y[:, -1]


def by_radau(p, v, segment, rtol):
    return _radau(p, v, segment, rtol, is_sparse=False)


def by_radau_sparse(p, v, segment, rtol):
    return _radau(p, v, segment, rtol, is_sparse=True)


def _cvode(p, v, segment, rtol, max_order, is_sparse):
    rows, pointers = pattern(int(p[N_MODES]))
    elements = np.empty(len(rows))

    def fun(z, v, out):
        slope(z, v, out, p)

    def dense(z, v, f, out):
        jacobian(z, v, f, out, p, elements, rows, pointers)

    def sparse(z, v, f, out):
        jacobian_elements(z, out, p)

    if is_sparse:
        structure = csc_matrix((np.ones(len(rows)), rows, pointers), (len(v), len(v)))
        options = {"linsolver": "sparse", "sparsity": structure, "jacfn": sparse}
    else:  # its own elimination is faster than the calls of LAPACK for small systems
        options = {"linsolver": "dense" if len(v) < 100 else "lapackdense", "jacfn": dense}
    with warnings.catch_warnings():  # it takes the Jacobian, and the structure alone from the sparsity: as is meant
        warnings.filterwarnings("ignore", "Custom sparse Jacobian approximation will be ignored", UserWarning)
        solver = CVODE(fun, rtol=rtol, atol=rtol, max_order=max_order, max_num_steps=2**31 - 1, **options)
    with redirect_stdout(StringIO()) as said:  # it prints why it gives up
        solver.init_step(segment.begin, v)
        result = solver.step(segment.end, tstop=segment.end)
    if not result.success:
        raise Failed(" ".join(said.getvalue().split()) or result.message)
    return np.array(result.y)


def by_cvode(p, v, segment, rtol):
    return _cvode(p, v, segment, rtol, 5, is_sparse=False)


def by_cvode_2(p, v, segment, rtol):
    return _cvode(p, v, segment, rtol, 2, is_sparse=False)


def by_cvode_2_sparse(p, v, segment, rtol):
    return _cvode(p, v, segment, rtol, 2, is_sparse=True)


class Peer(NamedTuple):
    label: str
    step: Callable
    package: str
    is_installed: bool


_NUMBALSODA, _SUNDAE = ("numbalsoda", numbalsoda is not None), ("scikit-sundae", CVODE is not None)
PEERS = {
    "numbalsoda": Peer("numbalsoda LSODA", by_numbalsoda, *_NUMBALSODA),
    "lsoda": Peer("scipy LSODA", by_scipy_lsoda, "scipy", True),
    "radau": Peer("scipy Radau", by_radau, "scipy", True),
    "radau_sparse": Peer("scipy Radau, sparse", by_radau_sparse, "scipy", True),
    "cvode": Peer("CVODE", by_cvode, *_SUNDAE),
    "cvode_2": Peer("CVODE order 2", by_cvode_2, *_SUNDAE),
    "cvode_2_sparse": Peer("CVODE order 2, sparse", by_cvode_2_sparse, *_SUNDAE),
}


def compile_all(peers, problem_equations):
    """Compile what `peers` need: no run shall count that."""
    for peer in peers:
        integrate(peer, problem_equations, 0.1)


def integrate(peer, problem_equations, rtol):
    """Final asymmetries Y_Delta_a (3,) of `peer` (a key of PEERS), and how often it asked for the right-hand side."""
    p, v = problem_equations.parameters, problem_equations.start
    p[CALLS] = 0
    for segment in problem_equations.segments:
        p[FIRST], p[LAST] = segment.first, segment.last
        v = PEERS[peer].step(p, v, segment, rtol)
    return v[:3] * problem_equations.yield_per_unknown, int(p[CALLS])
