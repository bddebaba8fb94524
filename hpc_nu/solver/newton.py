"""The default stage: U = r + tau f(z, U) by simplified Newton iterations, for systems whose Jacobian J is an arrow.

    (1 - tau J) dU = r + tau f(z, U) - U,   J at the first guess of U: Hairer and Wanner, Solving Ordinary Differential
    Equations II, sec. IV.8

Nothing that an iteration has learnt is kept from step to step, neither Jacobian nor rate of convergence: the state
between two steps is still the clock, u and its slope.  (One Jacobian for all stages of a step took a third more updates
in the tests.)  A linear system takes one update a stage, and one more in each step to see that it is.
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.compiled import compiled
from hpc_nu.solver import arrow as arrows
from hpc_nu.solver.hooks import error_norm, jacobian, slope

# What verdict says.
CONVERGED, GO_ON, FAILED = 0, 1, 2

# Slots of `memory`: updates made in this stage, norm of the last one, largest eta of this step (see verdict).
UPDATES, LAST_NORM, ETA, MEMORY_SIZE = range(4)

KAPPA = 0.01
"""Error allowed in a stage, in units of the tolerance.  An error d of U_j makes one of d/tau in k_j, which enters the
solution as sum_j |b_j|/gamma <= 27 times d where the problem is not stiff, and the error estimate as up to 3.4 d; the
slope that the next step begins with adds a tenth to that."""

MAX_UPDATES = 8
"""Most Newton updates of a stage: one that needs more is better served by a shorter step."""


class Workspace(NamedTuple):
    """What a stage works in.

    Attributes
    ----------
    arrow : hpc_nu.solver.arrow.Arrow
    memory : (MEMORY_SIZE,) array
        Of the iteration, within a step.
    slope, update : (n,) arrays
    """

    arrow: arrows.Arrow
    memory: np.ndarray
    slope: np.ndarray
    update: np.ndarray


def workspace(border_size, *kinds):
    """For the unknowns of the border and (n_modes, mode_size) of each kind of modes."""
    size = border_size + sum(n_modes * mode_size for n_modes, mode_size in kinds)
    return Workspace(arrows.new_arrow(border_size, *kinds), np.zeros(MEMORY_SIZE), np.empty(size), np.empty(size))


def solve_stage(e, stage, new, work):
    """As `hpc_nu.solver.hooks.solve_stage`; compiled with the step loop, for each class of equations.

    The first guess, r_i + tau k_{i-1}, is off by O(h^2), where r_i and the stage before are off by O(h).  It takes 1.3
    to 1.9 updates a stage on Kaps' problem, those 1.8 to 3.
    """
    arrow, residual, tau, update = work.arrow, stage.residual, stage.tau, work.update
    if stage.number == 1:
        begin(work.memory)
    for n in range(new.size):
        new[n] = residual[n] + tau * stage.slope_before[n]
    arrows.clear(arrow)
    jacobian(e, stage.z, new, arrow)
    arrows.implicit_matrix(arrow, tau)
    if not arrows.factor(arrow):
        return False
    said = GO_ON
    while said == GO_ON:
        slope(e, stage.z, new, work.slope)
        for n in range(new.size):
            update[n] = residual[n] + tau * work.slope[n] - new[n]
        arrows.solve(arrow, update)
        for n in range(new.size):
            new[n] += update[n]
        said = verdict(work.memory, error_norm(e, update, stage.old, new, work) / stage.rtol)
    return said == CONVERGED


@compiled
def begin(memory):
    """Forget what earlier steps have shown of the convergence."""
    memory[UPDATES], memory[ETA] = 0.0, 0.0


@compiled
def verdict(memory, norm):
    """Whether the stage is solved to KAPPA, can be within MAX_UPDATES, or is to be given up.

    With the rate theta = |dU_m|/|dU_{m-1}|, what is missing is at most eta |dU_m|, eta = theta/(1 - theta).  At the
    first update of a stage there is no theta, and eta is the largest so far in this step to the power 0.8, or else 1.
    (With the last eta in place of the largest, a good stage made the next one end too early, and steps be rejected.)

    Parameters
    ----------
    memory : (MEMORY_SIZE,) array
        Memory of the iteration.
    norm : float
        Norm of the update in units of the tolerance, that in which the error of the step is measured.

    Returns
    -------
    int
        CONVERGED, GO_ON or FAILED.
    """
    left = MAX_UPDATES - 1 - memory[UPDATES]
    theta, eta = 0.0, memory[ETA] ** 0.8 if memory[ETA] > 0.0 else 1.0
    if memory[UPDATES] > 0:
        theta = norm / memory[LAST_NORM]
        eta = theta / (1 - theta)
        memory[ETA] = max(memory[ETA], eta, 1e-16)
    memory[UPDATES] += 1
    memory[LAST_NORM] = norm
    if theta >= 1.0:
        return FAILED
    if eta * norm <= KAPPA:
        memory[UPDATES] = 0
        return CONVERGED
    return GO_ON if theta**left * eta * norm <= KAPPA else FAILED  # so written that nan fails
