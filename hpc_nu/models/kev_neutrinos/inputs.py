"""What all models of keV sterile neutrinos are given: parameters and settings, declared and judged once.

Equation numbers are those of Kelly, Sen, Tangarife and Zhang, arXiv:2005.03681 ("the vector paper").
"""

import math

import numpy as np

from hpc_nu.interactions.mediators import MEDIATORS
from hpc_nu.interactions.scattering import VELOCITIES
from hpc_nu.models.equation_of_state import (
    equation_of_state_problems,
    equation_of_state_setting,
    equation_of_state_tables,
    prepare_equation_of_state,
)
from hpc_nu.models.interface import Model, Parameter, Setting
from hpc_nu.models.kev_neutrinos.bounds import BOUND_SETTINGS
from hpc_nu.models.limits import limits_tables, prepare_limits
from hpc_nu.plasma.standard_model import FLAVOUR_NAMES
from hpc_nu.plasma.table_builder import MASSLESS, identity
from hpc_nu.plasma.table_file import prepare_table, seconds_to_build

NO_MEDIATOR = "none"

LEAST_MASS = 1e-3
"""Of a mediator [GeV]: lighter ones go on producing when nu_4 is no longer relativistic, and are as light as nu_4."""

MOST_COUPLING = 4 * math.pi
"""Where each further loop is as large as the one before: g^2/(16 pi^2) = 1."""

PARAMETERS = (
    Parameter("m_4", "GeV", 1e-7, 1e-3, "mass of the sterile neutrino", "m_4"),
    Parameter("sin2_2theta", "1", 0.0, 1.0, "sin^2 2 theta in vacuum", "sin^2 2 theta", low_is_open=True),
    Parameter("m_mediator", "GeV", 0.0, 1e4, "mass of the mediator, from 1 MeV; 0 without one", "m", default=0.0),
    Parameter("coupling", "1", 0.0, MOST_COUPLING, "coupling of the mediator: lambda or g; 0 without one", "lambda",
              default=0.0),
)  # fmt: skip

SETTINGS = (
    Setting("mediator", NO_MEDIATOR, "of new neutrino interactions", (NO_MEDIATOR, *MEDIATORS)),
    Setting("flavour", "mu", "of the active neutrino that mixes", FLAVOUR_NAMES),
    Setting("setup", "full", "full: g_*(T), redshift, all momenta; paper: constants of arXiv:2005.03681",
            ("full", "paper")),
    Setting("opacity", "self_energy", "of the set-up full: this project's own, or a fit to that of arXiv:1507.06655",
            ("self_energy", "published_fit")),
    Setting("opacity_rate", "equilibration",
            "of the set-up full: the width of a neutrino; loss: 1 - n_F of it, which the mediator's rate always is",
            ("equilibration", "loss")),
    Setting("rate_factor", 1.0, "multiplies the rate of the Standard Model", low=0.0, high=100.0, low_is_open=True),
    Setting("potential", "of_the_setup", "of the Standard Model: that of the set-up, or that of Noetzold and Raffelt",
            ("of_the_setup", "noetzold_raffelt")),
    equation_of_state_setting(),
    Setting("velocity", "paper", "relative velocity in scattering through the mediator", tuple(VELOCITIES)),
    Setting("n_G", 1.0, "factor of the scattering rate: 2 in eq. (3.6) of the vector paper", low=0.0, high=10.0,
            low_is_open=True),
    Setting("g_dof", 2.0, "states of the sterile neutrino: nu_s and its antiparticle", low=1.0, high=4.0),
    Setting("T_start", 10.0, "highest temperature", low=0.1, high=1000.0, unit="GeV"),
    Setting("T_end", 1e-4, "lowest temperature", low=1e-4, high=0.01, unit="GeV"),
    Setting("temperature_steps", 500, "of equal size in ln T, between them", low=50, high=10_000),
    *BOUND_SETTINGS,
    Setting("trajectory_momentum", 1.0, "p/T at 10 MeV of what is given over temperature", low=1e-3, high=50.0),
)  # fmt: skip

_OF_THE_FULL_SETUP = ("opacity", "opacity_rate", "equation_of_state")


class KevNeutrinoModel(Model):
    """A model that has `SETTINGS`, and of `PARAMETERS` all or some."""

    reference = "arXiv:1910.04901 and arXiv:2005.03681"
    grid_kinds = ("gauss_legendre", "equal_occupation")
    max_modes = 256
    warm_up = {"mediator": "scalar", "m_mediator": 1.0, "coupling": 1e-3}

    def check(self, settings, temperatures):
        problems = []
        if settings["mediator"] != NO_MEDIATOR:
            flavours = [FLAVOUR_NAMES[i] for i in MEDIATORS[settings["mediator"]].flavours]
            if settings["flavour"] not in flavours:
                text = f"mediator = {settings['mediator']} does not couple to flavour = {settings['flavour']}"
                problems.append(("settings", f"{text}; expected flavour {' or '.join(flavours)}"))
        if settings["opacity"] == "published_fit" and settings["flavour"] != "mu":
            text = f"opacity = published_fit is that of nu_mu, and flavour = {settings['flavour']}"
            problems.append(("settings", f"{text}; expected opacity = self_energy, or flavour = mu"))
        if settings["setup"] == "paper":
            problems += self.without_effect(settings, _OF_THE_FULL_SETUP, "setup = paper", "setup = full")
        outside = [t for t in temperatures if not settings["T_end"] <= t <= settings["T_start"]]
        if outside:
            span = f"T_end ... T_start = {settings['T_end']:g} ... {settings['T_start']:g} GeV"
            problems.append(("output.temperatures", f"{outside[0]:g} GeV is outside {span}"))
        return problems

    def check_points(self, settings, points, temperatures):
        problems = equation_of_state_problems(settings, settings["T_end"], settings["T_start"])
        mediator = settings["mediator"]
        for name in ("m_mediator", "coupling"):
            if name not in points:
                continue
            if mediator != NO_MEDIATOR and np.any(points[name] == 0):
                problems.append(f"mediator = {mediator} needs {name} above zero at every point")
            elif mediator != NO_MEDIATOR and name == "m_mediator" and np.any(points[name] < LEAST_MASS):
                least = points[name].min()
                problems.append(f"m_mediator = {least:g} GeV is too light: expected at least {LEAST_MASS:g} GeV")
            if mediator == NO_MEDIATOR and np.any(points[name] != 0):
                value = points[name][points[name] != 0][0]
                accepted = ", ".join(MEDIATORS)
                problems.append(f"{name} = {value:g} and no mediator: expected settings.mediator to be {accepted}")
        return problems

    def tables(self, settings, points):
        tables = {"self-energy (massless)": identity(MASSLESS)} if _needs_table(settings) else {}
        return tables | limits_tables(settings) | equation_of_state_tables(settings)

    def prepare(self, variations, points, communicator):
        if any(_needs_table(settings) for settings in variations):
            prepare_table("massless", communicator)
        prepare_limits(variations, communicator)
        prepare_equation_of_state(variations, communicator)

    def seconds_to_prepare(self, variations, points):
        return seconds_to_build("massless") if any(_needs_table(settings) for settings in variations) else 0.0


def _needs_table(settings):
    return settings["setup"] == "full" and settings["opacity"] == "self_energy"
