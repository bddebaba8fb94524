"""What the log says of how far a campaign is."""

import logging

import numpy as np

from hpc_nu.campaign.expected_cost import ExpectedCost
from hpc_nu.campaign.progress import Progress, log
from hpc_nu.campaign.schedule import Schedule


def test_a_row_that_is_recorded_before_its_batch_is_reported_counts_once(caplog, monkeypatch):
    monkeypatch.setattr(log, "propagate", True)
    schedule = Schedule(ExpectedCost(np.ones(24)), np.zeros(24, int), np.arange(24), 2)
    progress = Progress(24, 4)
    with caplog.at_level(logging.INFO, logger=log.name):
        progress.count(8)
        progress.committed(schedule, 11, 0)  # three of them of a batch of twelve that is under way
        progress.count(12)
        progress.committed(schedule, 9, 0)
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith("15 of 24 tasks") and said[0].endswith("recorded 15")
    assert said[1].startswith("24 of 24 tasks") and said[1].endswith("recorded 24") and "to go" not in said[1]
