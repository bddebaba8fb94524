"""The simulated campaign: limits in which its wall time is known."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "tools"))

from simulate_campaign import Costs, campaign, simulate  # noqa: E402

from hpc_nu.campaign.farm import COMPUTING_MASTER_RANKS  # noqa: E402

FREE = Costs()
SERVED = COMPUTING_MASTER_RANKS + 1  # ranks, of which the first only serves


def heavy_tailed(n_tasks, seed=1):
    return np.minimum(0.01 * np.random.default_rng(seed).random(n_tasks) ** (-1 / 1.2), 5.0)


def test_one_rank_takes_the_total_work_and_nothing_more():
    seconds = heavy_tailed(500)
    result = simulate(seconds, 1, FREE)
    assert result.wall == pytest.approx(seconds.sum()) and result.efficiency == pytest.approx(1.0)


def test_tasks_and_commits_cost_one_rank_what_they_cost():
    result = simulate(np.full(1000, 0.1), 1, FREE._replace(task=0.01, commit=1.0, commit_row=0.001), epoch_seconds=60)
    assert result.wall == pytest.approx(100 + 10 + 2 * 1.0 + 1.0)


@pytest.mark.parametrize("n_ranks", [2, 7, 16])
def test_free_messages_keep_the_bound_of_list_scheduling(n_ranks):
    seconds = 10 * heavy_tailed(400)
    result = simulate(seconds, n_ranks, FREE, predicted=np.full(400, 2.0))  # above a second: one task a batch
    longest_last = seconds.sum() / n_ranks + (1 - 1 / n_ranks) * seconds.max()
    assert result.bound <= result.wall <= longest_last * (1 + 1e-12)


@pytest.mark.parametrize("n_ranks", [2, 4, 16])
def test_a_known_heavy_tail_is_balanced_to_a_tenth(n_ranks):
    seconds = heavy_tailed(3000)
    result = simulate(seconds, n_ranks, FREE, predicted=3 * seconds)
    assert result.wall <= 1.10 * result.bound


@pytest.mark.parametrize("n_ranks", [2, 4, 16])
def test_classes_of_unknown_cost_are_balanced_to_a_tenth(n_ranks):
    classes = np.arange(1200) % 6
    cost = 0.003 * np.array([1, 5, 11, 20, 48, 82.0]) ** 1.3
    seconds = cost[classes] * np.random.default_rng(2).lognormal(0, 0.3, 1200)
    for predicted in (0.01, 1.0):
        result = simulate(seconds, n_ranks, FREE, classes, np.full(1200, predicted))
        assert result.wall <= 1.10 * result.bound, predicted


def test_what_is_lost_and_what_is_not_add_up():
    result = simulate(heavy_tailed(3000), 40, Costs(1e-4, 1e-6, 1e-3, 1e-3, 0.1, 1e-5, 1e-3))
    shares = [share for name, share in result.lost.items() if name != "busiest master"]
    assert result.efficiency + sum(shares) == pytest.approx(1.0) and min(shares) >= 0


def test_a_slow_master_limits_the_rate_and_several_share_it():
    seconds = np.full(4000, 2.0)  # above a second: one request a task
    slow = FREE._replace(request=0.1)
    one = simulate(seconds, 400, slow)
    assert one.wall >= 4000 * 0.1 and one.lost["busiest master"] > 0.99
    ten = simulate(seconds, 400, slow, masters=10)
    assert ten.wall == pytest.approx(one.wall / 10, rel=0.05)


def test_every_wait_for_an_answer_takes_two_messages():
    seconds = np.full(160, 2.0)
    latency = simulate(seconds, SERVED, FREE._replace(latency=0.25)).wall - simulate(seconds, SERVED, FREE).wall
    assert latency == pytest.approx(10 * 2 * 0.25), "ten tasks for each of sixteen workers"


def test_campaigns_have_the_mean_and_size_that_are_said():
    seconds = campaign(0.1, 100)
    assert len(seconds) == 60_000 and seconds.mean() == pytest.approx(0.1, rel=0.02)
