"""How solves end: every outcome says what happened and what to do, in a row's space."""

import pytest

from hpc_nu.campaign.row_layout import ERROR_LENGTH
from hpc_nu.result_codes import ResultCode

LONGEST_PREFIX = "step_too_small at T = 0.00123457 GeV: "


@pytest.mark.parametrize("code", ResultCode)
def test_every_outcome_has_an_advice_that_fits_into_a_row(code):
    assert len(LONGEST_PREFIX + code.advice) <= ERROR_LENGTH


def test_a_budget_that_ran_out_names_its_key_and_no_temperature_which_a_search_has_not():
    for code, key in ((ResultCode.STEP_BUDGET, "solver.max_steps"), (ResultCode.TIME_BUDGET, "solver.max_seconds")):
        assert key in code.advice and "temperature" not in code.advice
