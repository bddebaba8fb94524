"""How solves end: every outcome says what happened and what to do, in a row's space."""

import pytest

from hpc_nu.campaign.row_layout import ERROR_LENGTH
from hpc_nu.solver.result_codes import ResultCode

LONGEST_PREFIX = "step_too_small at T = 0.00123457 GeV: "


@pytest.mark.parametrize("code", ResultCode)
def test_every_outcome_has_an_advice_that_fits_into_a_row(code):
    assert len(LONGEST_PREFIX + code.advice) <= ERROR_LENGTH


@pytest.mark.parametrize("code", [ResultCode.STEP_BUDGET, ResultCode.TIME_BUDGET])
def test_an_advice_names_the_key_to_change(code):
    assert f"solver.max_{code.name.split('_')[0].lower()}" in code.advice.replace("seconds", "time").replace("steps", "step")
