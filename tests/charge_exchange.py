"""A stiff model as a user would write it: `model: charge_exchange.py:ChargeExchange` in an input file.

A bath of charge x; heavy modes of three unknowns, which exchange a with it and precess; light modes of two, particles p
and antiparticles q, which the bath makes and which annihilate in pairs:

    x' = sum_k w_k g_k (a_k - x) - sum_l s_l (2 x - p_l + q_l)
    a' = g (x - a),  b' = g (a - b) - h c,  c' = h b - g c                    of each heavy mode
    p' = s (x - p) + r (1 - p q),  q' = -s (x + q) + r (1 - p q)              of each light mode

Conserved: x + sum_k w_k a_k + sum_l (p_l - q_l).
"""

from typing import NamedTuple

import numpy as np

from hpc_nu.models.interface import Cost, Model, Observable, Outcome, Parameter, Setting
from hpc_nu.solver.evolution import Evolution
from hpc_nu.solver.stepping import stiff


@stiff
class Equations(NamedTuple):
    """Arrays of the heavy modes (g, h, w) and of the light ones (s, r)."""

    g: np.ndarray
    h: np.ndarray
    w: np.ndarray
    s: np.ndarray
    r: np.ndarray
    atol: np.ndarray

    def structure(self):
        return 1, (len(self.g), 3), (len(self.s), 2)

    def slope(self, z, u, out):
        x, rise = u[0], 0.0
        for k in range(self.g.size):
            g, h, n = self.g[k], self.h[k], 1 + 3 * k
            a, b, c = u[n], u[n + 1], u[n + 2]
            out[n], out[n + 1], out[n + 2] = g * (x - a), g * (a - b) - h * c, h * b - g * c
            rise += self.w[k] * g * (a - x)
        for k in range(self.s.size):
            s, r, n = self.s[k], self.r[k], 1 + 3 * self.g.size + 2 * k
            p, q = u[n], u[n + 1]
            out[n], out[n + 1] = s * (x - p) + r * (1 - p * q), -s * (x + q) + r * (1 - p * q)
            rise -= s * (2 * x - p + q)
        out[0] = rise

    def jacobian(self, z, u, arrow):
        heavy, light = arrow.kinds
        for k in range(self.g.size):
            g, h = self.g[k], self.h[k]
            arrow.corner[0, 0] -= self.w[k] * g
            heavy.rows[k, 0, 0], heavy.columns[k, 0, 0] = self.w[k] * g, g
            heavy.blocks[k, 0, 0] = heavy.blocks[k, 1, 1] = heavy.blocks[k, 2, 2] = -g
            heavy.blocks[k, 1, 0], heavy.blocks[k, 1, 2], heavy.blocks[k, 2, 1] = g, -h, h
        for k in range(self.s.size):
            s, r, n = self.s[k], self.r[k], 1 + 3 * self.g.size + 2 * k
            p, q = u[n], u[n + 1]
            arrow.corner[0, 0] -= 2 * s
            light.rows[k, 0, 0], light.rows[k, 0, 1] = s, -s
            light.columns[k, 0, 0], light.columns[k, 1, 0] = s, -s
            light.blocks[k, 0, 0], light.blocks[k, 0, 1] = -s - r * q, -r * p
            light.blocks[k, 1, 0], light.blocks[k, 1, 1] = -r * q, -s - r * p

    def charge(self, u):
        a, (p, q) = u[1 : 1 + 3 * len(self.g) : 3], u[1 + 3 * len(self.g) :].reshape(-1, 2).T
        return u[0] + self.w @ a + np.sum(p - q)


class ChargeExchange(Model):
    title = "a charge that two kinds of modes exchange with a bath"
    reference = "none"
    parameters = (Parameter("coupling", "1", 0.0, 1e9, "scale of all rates"),)
    settings = (Setting("duration", 1.0, "of the exchange", low=0.0),)
    observables = (Observable("x", "1", "charge of the bath"), Observable("total", "1", "charge of all"))
    can_pause = True

    def cost(self, problem):
        return Cost(1e-3)

    def solve(self, problem, state=None, pause=lambda: False):
        rates = problem.point["coupling"] * np.array([1.0, 1e-3, 1e-6])
        equations = Equations(rates, 10 * rates, np.array([0.1, 0.2, 0.3]), rates[:2], rates[1:], np.full(14, 1e-9))
        start = np.concatenate([[1.0], np.zeros(9), np.ones(4)])
        stops = np.array([0.0, problem.settings["duration"]])
        evolution = Evolution(equations, stops, problem.solver, start, state)

        def observables():
            return {"scalar": {"x": evolution.records[-1, 0], "total": equations.charge(evolution.records[-1])}}

        return Outcome.of_evolution(evolution, evolution.run(pause), observables, lambda z: f"z = {z:.6g}")
