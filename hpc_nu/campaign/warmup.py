"""`hpc-nu warmup`: everything that is made once per installation, before the first campaign needs it.

Compiled kernels and tables of the self-energy and of direct rates; a campaign would make them at its start, with all
its ranks waiting.
"""

import math
import os
from dataclasses import replace

from hpc_nu.campaign.errors import BAD_INPUT, COMPLETE, Refused, refuse_trouble
from hpc_nu.campaign.progress import log, start_logging
from hpc_nu.campaign.terminal import say
from hpc_nu.models import MODELS, get_model
from hpc_nu.models.interface import Problem, SolverSettings
from hpc_nu.plasma.active_neutrino import MAX_MASS
from hpc_nu.plasma.direct_table import open_direct_table
from hpc_nu.plasma.higgs import CROSSOVERS
from hpc_nu.plasma.table_file import default_table, massless_table, table_for_mass
from hpc_nu.solver import momentum_grid


def warmup(communicator, masses=(), rebuild=None):
    """Compile and cache kernels, and make sure that tables are there; collective.

    Parameters
    ----------
    masses : sequence of float [GeV]
        Of tables with nodes at exactly these masses.
    rebuild : str, optional
        "all", "self_energy" or "direct_rates": build these tables of the package anew.

    Returns
    -------
    int
        Exit code.
    """
    start_logging(communicator.rank)
    for mass in masses:
        if not 0 < mass < MAX_MASS:
            raise Refused(f"--mass {mass:g}: expected between 0 and {MAX_MASS:g} GeV", BAD_INPUT)
    self_energy, direct_rates = (rebuild in ("all", kind) for kind in ("self_energy", "direct_rates"))
    tables = {
        "default table": default_table(communicator, rebuild=self_energy),
        "massless table": massless_table(communicator, rebuild=self_energy),
    }
    for crossover in CROSSOVERS:
        tables[f"direct rates, {crossover}"] = open_direct_table(crossover, communicator, rebuild=direct_rates)
    tables |= {f"table for M = {mass:g} GeV": table_for_mass(mass, communicator) for mass in masses}
    if communicator.rank == 0:
        log.info("compiling kernels")
        tables["default table"].self_energy([1.0, 100.0], 1.0, [1.0, 100.0])
        for name in MODELS:
            compile_model(get_model(name))
        lines = {
            name: f"{table.source or 'in memory alone'}, identity {table.identity}" for name, table in tables.items()
        }
        lines["kernels"] = os.environ.get("NUMBA_CACHE_DIR", "__pycache__ folders of the package")
        for name, text in lines.items():
            say(f"{name:{max(map(len, lines))}}  {text}")
    communicator.barrier()
    return COMPLETE


def compile_model(model):
    """One step of a solve at some point of the model: compiles and caches its kernels, also those of what a switch adds
    to its observables."""
    point = {
        parameter.name: model.warm_up.get(parameter.name, _some_value(parameter))
        for parameter in model.parameters
        if not parameter.optional
    }
    problem = Problem(
        point=point,
        settings={setting.name: model.warm_up.get(setting.name, setting.default) for setting in model.settings},
        grid=momentum_grid.gauss_legendre(3) if model.grid_kinds else None,
        solver=SolverSettings(max_steps=1),
    )
    switches = {o.only_with for o in model.observables} - {""}
    for solve, what in (
        (model.solve, problem),
        (model.solve_together, [replace(problem, grid=momentum_grid.averaged())]),  # many models have nothing to
        *((model.solve, replace(problem, settings=problem.settings | {switch: True})) for switch in sorted(switches)),
    ):
        try:
            solve(what)
        except Exception as error:  # noqa: BLE001 - what the point gives is of no interest
            refuse_trouble(error, f"compiling {model.name}")


def _some_value(parameter):
    if parameter.default is not None:
        return parameter.default
    if parameter.low > 0:
        return math.sqrt(parameter.low * parameter.high)
    return 1e-3 * parameter.high
