"""The systems of equations, each imported only when a campaign asks for it."""

from importlib import import_module

MODELS = {
    "lepton_asymmetry": "hpc_nu.models.heavy_neutrinos.lepton_asymmetry:LeptonAsymmetry",
    "lepton_asymmetry_couplings": ("hpc_nu.models.heavy_neutrinos.lepton_asymmetry_couplings:LeptonAsymmetryCouplings"),
    "asymmetric_freeze_in": "hpc_nu.models.asymmetric_freeze_in:AsymmetricFreezeIn",
    "low_energy_constants": "hpc_nu.models.heavy_neutrinos.low_energy_constants:LowEnergyConstants",
    "dodelson_widrow": "hpc_nu.models.kev_neutrinos.dodelson_widrow:DodelsonWidrow",
    "relic_coupling": "hpc_nu.models.kev_neutrinos.relic_coupling:RelicCoupling",
    "relic_fold": "hpc_nu.models.kev_neutrinos.relic_fold:RelicFold",
    "resonant_production": "hpc_nu.models.kev_neutrinos.resonant_production:ResonantProduction",
    "equilibration": "hpc_nu.models.heavy_neutrinos.equilibration:Equilibration",
}
"""Where each model lives, by its word in an input file: "module:class"."""


def get_model(word):
    """The `Model` of an input file's word: one of `MODELS`, or "path/to/my_file.py:MyModel".

    Raises
    ------
    ValueError
        If there is none.
    """
    from hpc_nu.models.user_model import PATTERN, load_user_model

    if PATTERN.fullmatch(word):
        return load_user_model(word)
    if word not in MODELS:
        raise ValueError(f"there is no model {word!r}; accepted: {', '.join(MODELS)}, or my_file.py:MyModel")
    module, _, attribute = MODELS[word].partition(":")
    return getattr(import_module(module), attribute)()
