"""What must be given is enough: every model takes an input of the needed keys alone, and any part of the output."""

import h5py
import numpy as np
import pytest
from campaigns import write

from hpc_nu.campaign.communicator import SingleProcess
from hpc_nu.campaign.errors import COMPLETE
from hpc_nu.campaign.reports import check_report
from hpc_nu.campaign.run import run
from hpc_nu.models import MODELS, get_model
from hpc_nu.result_codes import ResultCode

NEEDED_SETTINGS = {"relic_coupling": "{mediator: scalar}", "relic_fold": "{mediator: scalar}"}
"""Without a default that can be solved."""

VALUES = {"root": 1, "fold": 1, "m_4": 7e-6, "sin2_2theta": 1e-10}
"""Of parameters that are not to have any value within their range."""

OUTPUTS = {
    "scalar": "",
    "trajectory": "output: {temperatures: {list: [VALUE], unit: GeV}}\n",
    "spectrum": "output: {momenta: {list: [1.0]}}\n",
    "mode": "output: {modes: true}\n",
}
"""A part of it for each kind of observables."""

CASES = [
    (name, kind) for name in MODELS for kind in OUTPUTS if any(o.kind == kind for o in get_model(name).observables)
]


def least_input(model, output):
    """Needed parameters and settings, and a grid where there are any."""
    lines = ["campaign: least", f"model: {model.name}", "parameters:"]
    for p in model.parameters:
        if p.default is None and not p.optional:
            middle = float(np.sqrt(p.low * p.high)) if p.low > 0 else p.high / 1000
            unit = "" if p.unit == "1" else f", unit: {p.unit}"
            lines.append(f"  {p.name}: {{value: {VALUES.get(p.name, middle)!r}{unit}}}")
    if model.name in NEEDED_SETTINGS:
        lines.append(f"settings: {NEEDED_SETTINGS[model.name]}")
    if model.grid_kinds:
        lines.append("grids: [{kind: gauss_legendre, n_modes: 4}]")
    temperature = 50 if model.name.startswith("lepton_asymmetry") else 0.005  # where its solve has been
    return "\n".join([*lines, output.replace("VALUE", str(temperature))]) + "\n"


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_least_input_that_is_valid_is_enough(name, kind, alone, tmp_path):
    path = write(tmp_path, least_input(get_model(name), OUTPUTS[kind]))
    assert "of processor time" in check_report(path)
    assert run(SingleProcess(), path, tmp_path / "out.h5") == COMPLETE
    with h5py.File(tmp_path / "out.h5") as file:
        assert ResultCode(file["status"][0]) in (ResultCode.DONE, ResultCode.NO_SOLUTION), file["error"][0]
