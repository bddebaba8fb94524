"""The systems of equations, each imported only when a campaign asks for it."""

from importlib import import_module

MODELS = {
    "lepton_asymmetry": "hpc_nu.models.lepton_asymmetry:LeptonAsymmetry",
    "asymmetric_freeze_in": "hpc_nu.models.asymmetric_freeze_in:AsymmetricFreezeIn",
    "low_energy_constants": "hpc_nu.models.low_energy_constants:LowEnergyConstants",
    "dodelson_widrow": "hpc_nu.models.dodelson_widrow:DodelsonWidrow",
    "relic_coupling": "hpc_nu.models.relic_coupling:RelicCoupling",
    "relic_fold": "hpc_nu.models.relic_fold:RelicFold",
    "equilibration": "hpc_nu.models.equilibration:Equilibration",
}
"""Where each model lives, by its word in an input file: "module:class"."""


def get_model(name):
    """The `Model` called `name`, one of `MODELS`."""
    if name not in MODELS:
        raise ValueError(f"there is no model {name!r}; accepted: {', '.join(MODELS)}")
    module, _, attribute = MODELS[name].partition(":")
    return getattr(import_module(module), attribute)()
