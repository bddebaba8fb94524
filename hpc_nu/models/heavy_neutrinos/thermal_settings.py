"""Settings of the thermal rates, and what the models that have them share: the rates that they ask for, and the tables.

The names "+" and "-" of factors are those of arXiv:2011.12637 ("EST"): what conserves and what violates fermion number,
gamma_c and gamma_v, h_c and h_v of `hpc_nu.seesaw.thermal_rates`.
"""

import hashlib
from functools import partial

import numpy as np

from hpc_nu.models.equation_of_state import (
    equation_of_state_problems,
    equation_of_state_tables,
    prepare_equation_of_state,
)
from hpc_nu.models.heavy_neutrinos.light_neutrinos import hierarchy_problems
from hpc_nu.models.interface import Model, Preparation, Setting
from hpc_nu.plasma import direct_table
from hpc_nu.plasma.active_neutrino import MAX_MASS, MIN_VEV_OVER_T
from hpc_nu.plasma.higgs import CROSSOVERS
from hpc_nu.plasma.self_energy_table import KEPT_MASSES
from hpc_nu.plasma.table_builder import DEFAULT, identity, nodes_for_mass, temperatures_of_vev
from hpc_nu.plasma.table_file import prepare_table, seconds_to_build, shared_table
from hpc_nu.seesaw.direct_reactions import CALCULATED_FROM, DIRECT_REACTIONS
from hpc_nu.seesaw.thermal_rates import EXPANDED_ABOVE, PROPAGATORS, thermal_rates

SWITCHES = (
    Setting(
        "self_energy",
        "default",
        "of the active neutrinos: default table, this_mass (one built for each mass), or a file of yours"
        " (hpc_nu.plasma.user_table)",
        ("default", "this_mass"),
        or_file=True,
    ),
    Setting("crossover", "leading_order", "v(T): where the Higgs condensate vanishes", choices=tuple(CROSSOVERS)),
    Setting("colour_factor", 1.0, "multiplies N_c,eff(T), up to 3 colours", low=0.0, high=100.0),
    Setting(
        "direct_reactions",
        "calculated",
        "those with Higgs bosons and of the symmetric phase: hpc_nu.seesaw.direct_reactions",
        tuple(DIRECT_REACTIONS),
    ),
    Setting("soft_suppression", True, "of gamma_+ by mixing at k < T: F of hpc_nu.seesaw.thermal_rates"),
    Setting(
        "potential_factor",
        1.0,
        "multiplies the thermal part of the Hamiltonian: active neutrinos' dispersion, and h_c of direct reactions",
        low=0.0,
        high=10.0,
    ),
    Setting(
        "nlo_reduction",
        0.0,
        "of Gamma_- where pi T >> m_W, a fraction: 0.15 to 0.4 at next-to-leading order, arXiv:1910.12880",
        low=0.0,
        high=1.0,
    ),
    Setting(
        "boltzmann_factor",
        True,
        "of the energy E of the heavy neutrinos in n_F (1 - n_F) of source and wash-out; false: of k, EST footnote 3",
    ),
    Setting("propagator", "full", "of the active neutrinos, or expanded in M^2 (T > 80 GeV)", tuple(PROPAGATORS)),
)

FACTORS = (
    Setting("rate_factor", 1.0, "multiplies all rates gamma_+-: kappa of EST fig. 18", low=0.0, high=1e6),
    Setting(
        "gamma_minus_factor", 1.0, "multiplies the fermion-number violating rate: 0 in EST fig. 13", low=0.0, high=1e6
    ),
    Setting(
        "h_plus_factor",
        1.0,
        "multiplies the fermion-number conserving Hamiltonian: 0 in EST fig. 19",
        low=0.0,
        high=1e6,
    ),
    Setting(
        "gamma_plus_factor",
        1.0,
        "multiplies the fermion-number conserving rate, to price what is unknown of it",
        low=0.0,
        high=1e6,
    ),
)
"""They multiply what comes of the rates, so that tables and averages are the same for all of them."""


MOST_MASSES = 64
"""With a table for each, of 0.4 MB and half a minute."""


def rates_without_factors(settings, mass):
    """`thermal_rates` with all switches of `settings`; a function of (temperature, momentum, mass) [GeV]."""
    return partial(
        thermal_rates,
        self_energy=shared_table(settings["self_energy"], mass, settings["crossover"]).self_energy,
        crossover=settings["crossover"],
        colour_factor=settings["colour_factor"],
        direct_reactions=settings["direct_reactions"],
        soft_suppression=settings["soft_suppression"],
        potential_factor=settings["potential_factor"],
        nlo_reduction=settings["nlo_reduction"],
        propagator=settings.get("propagator", "full"),
    )


class ModelWithThermalRates(Model):
    """A model that has `SWITCHES` among its settings, or at least those of the self-energy."""

    def temperature_span(self, settings, points, temperatures):
        """Lowest and highest temperature [GeV] at which it asks for rates; arguments as `check_points`."""
        raise NotImplementedError

    def needs_tables(self, settings):
        return True

    def tables(self, settings, points):
        which = settings["self_energy"]
        others = equation_of_state_tables(settings)
        if not self.needs_tables(settings):
            return others
        if self._needs_direct_rates(settings, points):
            nodes = direct_table.nodes_for(settings["crossover"])
            others |= {f"direct rates ({settings['crossover']})": direct_table.identity(nodes)}
        if which == "default":
            found = identity(DEFAULT)
        elif which == "this_mass":
            names = [
                identity(nodes_for_mass(float(mass), settings["crossover"], DEFAULT)) for mass in np.unique(points["M"])
            ]
            found = hashlib.sha256(" ".join(names).encode()).hexdigest()[:32]
        else:
            return {which: shared_table(which).identity} | others
        return {f"self-energy ({which})": found} | others

    def check_points(self, settings, points, temperatures):
        lowest, highest = self.temperature_span(settings, points, temperatures)
        problems = equation_of_state_problems(settings, lowest, highest)
        if "hierarchy" in settings:
            problems += hierarchy_problems(settings, points)
        if not self.needs_tables(settings):
            return problems
        which = settings["self_energy"]
        if settings.get("propagator") == "expanded" and lowest < EXPANDED_ABOVE:
            problems.append(
                f"propagator = expanded holds above {EXPANDED_ABOVE:g} GeV, and rates at {lowest:g} GeV are needed"
            )
        masses = np.unique(points["M"])
        if which == "this_mass" and len(masses) > MOST_MASSES:
            problems.append(
                f"self_energy = this_mass builds a table for each mass, and {len(masses)} are asked for: expected at"
                f" most {MOST_MASSES}, or self_energy = default, which holds for all"
            )
        if which == "this_mass":
            return problems + [
                f"M = {mass:g} GeV: self_energy = this_mass builds tables below {MAX_MASS:g} GeV"
                for mass in masses
                if mass >= MAX_MASS
            ]
        if which == "default":
            heaviest = DEFAULT.mass_range[1]
            return problems + [
                f"M = {mass:g} GeV: self_energy = default goes up to {heaviest:g} GeV; expected self_energy = this_mass"
                for mass in masses[-1:]
                if mass > heaviest
            ]
        if settings["colour_factor"] != 1:
            problems.append(
                f"colour_factor = {settings['colour_factor']:g} with a self-energy of your own ({which}), which has no"
                " separate quarks: expected 1"
            )
        table = shared_table(which)
        mixing_ends = temperatures_of_vev((MIN_VEV_OVER_T,), settings["crossover"])[0]  # and the need for a table
        wanted = {
            "M": (masses[0], masses[-1], table.mass_range),
            "T": (lowest, min(highest, mixing_ends), table.temperature_range),
        }
        return problems + [
            f"{which}: covers {name} = {there[0]:g} ... {there[1]:g} GeV, and {low:g} ... {high:g} GeV are needed"
            for name, (low, high, there) in wanted.items()
            if low < there[0] or high > there[1]
        ]

    def prepare(self, variations, points, communicator):
        prepare_equation_of_state(variations, communicator)
        direct_table.direct_tables.prepare(self._wanted_crossovers(variations, points), communicator)
        for which, mass, crossover in self._wanted(variations, points):
            prepare_table(which, communicator, mass, crossover)

    def seconds_to_prepare(self, variations, points):
        direct = sum(map(direct_table.seconds_to_build, self._wanted_crossovers(variations, points)))
        return direct + sum(seconds_to_build(*table) for table in self._wanted(variations, points))

    def mass_cost(self, settings):
        """`Preparation` of the table of the self-energy for one mass."""
        key = settings["self_energy"], settings["crossover"]
        seconds = 6e-3 if self.needs_tables(settings) else 0.0
        return Preparation(seconds, ("M",), "tables of one mass", key, of_the_grid=False, kept=KEPT_MASSES)

    def _needs_direct_rates(self, settings, points):
        """Whether a table of direct rates is read; where there is no such setting, they are calculated."""
        _, highest = self.temperature_span(settings, points, (np.inf,))  # output temperatures may be any
        calculates = settings.get("direct_reactions", "calculated") == "calculated"
        return calculates and self.needs_tables(settings) and highest > CALCULATED_FROM[0]

    def _wanted_crossovers(self, variations, points):
        """Of which tables of direct rates are needed."""
        needed = [settings for settings in variations if self._needs_direct_rates(settings, points)]
        return list(dict.fromkeys(settings["crossover"] for settings in needed))

    def _wanted(self, variations, points):
        """Name, mass and crossover of each table that is needed."""
        wanted = {}
        for settings in variations:
            if self.needs_tables(settings):
                which, crossover = settings["self_energy"], settings["crossover"]
                masses = np.unique(points["M"]).tolist() if which == "this_mass" else [None]
                wanted |= dict.fromkeys((which, mass, crossover if mass else None) for mass in masses)
        return wanted
