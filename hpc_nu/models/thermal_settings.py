"""Settings of the thermal rates, and what the models that have them share: the rates that they ask for, and the tables.

The names "+" and "-" of factors are those of arXiv:2011.12637 ("EST"): what conserves and what violates fermion number,
gamma_c and gamma_v, h_c and h_v of `hpc_nu.seesaw.thermal_rates`.
"""

from functools import partial

import numpy as np

from hpc_nu.models.mode_system import Model, Setting
from hpc_nu.plasma.active_neutrino import MIN_VEV_OVER_T
from hpc_nu.plasma.higgs import CROSSOVERS
from hpc_nu.plasma.table_builder import DEFAULT, identity, temperatures
from hpc_nu.plasma.table_file import shared_table
from hpc_nu.seesaw.thermal_rates import EXPANDED_ABOVE, PROPAGATORS, thermal_rates

SWITCHES = (
    Setting(
        "self_energy",
        "default",
        "of the active neutrinos: default table, this_mass (one built for each mass), or a file of your own",
    ),
    Setting("crossover", "leading_order", "v(T): where the Higgs condensate vanishes", choices=tuple(CROSSOVERS)),
    Setting("colour_factor", 1.0, "multiplies N_c,eff(T), up to 3 colours", low=0.0, high=100.0),
    Setting("direct_reactions", True, "those with Higgs bosons and of the symmetric phase"),
    Setting("soft_suppression", True, "of gamma_+ by mixing at k < T: F of hpc_nu.seesaw.thermal_rates"),
    Setting("thermal_potential", True, "thermal part of the active neutrinos' dispersion"),
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
)
"""They multiply what comes of the rates, so that tables and averages are the same for all of them."""

_OWN_TABLES = ("default", "this_mass")


def rates_without_factors(settings, mass):
    """`thermal_rates` with all switches of `settings`; a function of (temperature, momentum, mass) [GeV]."""
    return partial(
        thermal_rates,
        self_energy=shared_table(settings["self_energy"], mass, settings["crossover"]).self_energy,
        direct=settings["direct_reactions"],
        **{
            name: settings[name]
            for name in ("crossover", "colour_factor", "soft_suppression", "thermal_potential", "propagator")
        },
    )


class ModelWithThermalRates(Model):
    """A model that has `SWITCHES` among its settings, or at least those of the self-energy."""

    def temperature_span(self, settings, points):
        """Lowest and highest temperature [GeV] at which it asks for rates; `points` as in `check_points`, or {}."""
        raise NotImplementedError

    def needs_tables(self, settings):
        return True

    def check(self, settings, temperatures):
        problems = []
        which = settings["self_energy"]
        if settings.get("propagator") == "expanded" and self.temperature_span(settings, {})[0] < EXPANDED_ABOVE:
            lowest = self.temperature_span(settings, {})[0]
            text = (
                f"propagator = expanded holds above {EXPANDED_ABOVE:g} GeV only, and rates at {lowest:g} GeV are needed"
            )
            problems.append(("settings", text))
        if settings["colour_factor"] != 1 and which not in _OWN_TABLES:
            text = (
                f"colour_factor = {settings['colour_factor']:g} with a self-energy of your own ({which}), which has no"
                " separate quarks: expected 1"
            )
            problems.append(("settings", text))
        return problems

    def tables(self, settings):
        which = settings["self_energy"]
        if not self.needs_tables(settings):
            return {}
        own = which in _OWN_TABLES
        return {f"self-energy ({which})": identity(DEFAULT) if own else shared_table(which).identity}

    def check_points(self, settings, points):
        which = settings["self_energy"]
        if which in _OWN_TABLES or not self.needs_tables(settings):
            return []
        table = shared_table(which)
        mixing_ends = temperatures((MIN_VEV_OVER_T,), settings["crossover"])[0]  # and with it the need for a table
        lowest, highest = self.temperature_span(settings, points)
        wanted = {
            "M": (min(points["M"]), max(points["M"]), table.mass_range),
            "T": (lowest, min(highest, mixing_ends), table.temperature_range),
        }
        return [
            f"{which}: covers {name} = {there[0]:g} ... {there[1]:g} GeV, and {low:g} ... {high:g} GeV are needed"
            for name, (low, high, there) in wanted.items()
            if low < there[0] or high > there[1]
        ]

    def prepare(self, variations, points, communicator):
        for settings in variations:
            if self.needs_tables(settings):
                masses = np.unique(points["M"]) if settings["self_energy"] == "this_mass" else [None]
                for mass in masses:
                    shared_table(settings["self_energy"], mass, settings["crossover"], communicator)
