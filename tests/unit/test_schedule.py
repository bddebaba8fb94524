"""The queue: longest first, batches of about a second, nothing trusted before it was tried, every task exactly once."""

import numpy as np
import pytest

from hpc_nu.campaign.expected_cost import ExpectedCost
from hpc_nu.campaign.schedule import BATCH_SECONDS, MAX_BATCH, SECONDS_PER_RANK, Schedule


def drained(schedule, seconds=None, classes=None):
    """All batches, until nothing is left; each reported before the next, if it is said what tasks take."""
    batches = []
    while len(batch := schedule.batch()):
        batches.append(batch)
        if seconds is not None:
            schedule.record(classes[batch[0]], len(batch), np.sum(seconds[batch]))
    assert not len(schedule)
    return batches


def schedule(seconds_of_class, classes, waiting=None, n_ranks=4):
    classes = np.asarray(classes)
    waiting = np.arange(len(classes)) if waiting is None else np.asarray(waiting)
    return Schedule(ExpectedCost(np.asarray(seconds_of_class, dtype=float)[classes]), classes, waiting, n_ranks)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_ranks", [1, 2, 64])
def test_every_waiting_task_is_handed_out_exactly_once(seed, n_ranks):
    draw = np.random.default_rng(seed)
    n_classes = draw.integers(1, 8)
    seconds = draw.choice([1e-4, 1e-2, 0.3, 0.3, 20.0], n_classes)  # classes of equal cost, too
    classes = draw.integers(0, n_classes, 2000)
    waiting = np.flatnonzero(draw.random(2000) < 0.7)
    queue = schedule(seconds, classes, waiting, n_ranks)
    assert len(queue) == len(waiting)
    batches = []
    while len(batch := queue.batch()):
        batches.append(batch)
        queue.record(draw.integers(n_classes), 3, draw.random())  # what is learnt must lose nothing
        assert len(queue) == len(waiting) - sum(map(len, batches))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), waiting)
    assert not len(queue.batch())


def test_one_task_of_each_class_comes_first_and_then_the_longest_class():
    queue = schedule([0.01, 5.0, 0.3], np.arange(60) % 3)
    handed_out = np.concatenate(drained(queue))
    np.testing.assert_array_equal(handed_out % 3, [1, 2, 0] + [1] * 19 + [2] * 19 + [0] * 19)


def test_the_longest_predicted_tasks_of_a_class_come_first():
    predicted = np.random.default_rng(1).random(100)
    handed_out = np.concatenate(drained(Schedule(ExpectedCost(predicted), np.zeros(100, dtype=int), np.arange(100), 4)))
    np.testing.assert_array_equal(handed_out, np.argsort(-predicted))


def test_a_batch_is_of_one_class():
    classes = np.arange(3000) % 3
    batches = drained(schedule([0.01, 0.01, 0.01], classes), np.full(3000, 0.01), classes)
    assert all(len(set(batch % 3)) == 1 for batch in batches)
    assert max(map(len, batches)) > 10


@pytest.mark.parametrize("seconds, n_tasks", [(1e-6, 100_000), (0.02, 10_000), (0.3, 1000), (100.0, 50)])
def test_batches_are_bounded_in_time_and_number(seconds, n_tasks):
    classes, took = np.zeros(n_tasks, dtype=int), np.full(n_tasks, seconds)
    sizes = [len(batch) for batch in drained(schedule([seconds], classes), took, classes)]
    assert min(sizes) >= 1 and max(sizes) <= MAX_BATCH
    assert all(size == 1 or size * seconds <= BATCH_SECONDS * (1 + 1e-3) for size in sizes)
    assert max(sizes) > 0.4 * min(MAX_BATCH, BATCH_SECONDS / seconds, n_tasks / 8), "and they are no smaller than that"


def test_batches_shrink_towards_the_end():
    classes = np.zeros(1000, dtype=int)
    queue = schedule([1e-3], classes, n_ranks=10)
    queue.record(0, 1000, 1.0)
    sizes = [len(batch) for batch in drained(queue)]
    assert sizes[0] == 50 and sizes[-1] == 1 and sizes == sorted(sizes, reverse=True), "the rest is to be shared evenly"


def test_batches_grow_with_the_number_of_ranks_so_that_the_master_keeps_up():
    n_ranks = int(20 / SECONDS_PER_RANK)
    queue = schedule([0.1], np.zeros(10**7, dtype=np.int64), n_ranks=n_ranks)
    queue.record(0, n_ranks, 0.1 * n_ranks)
    assert len(queue.batch()) * 0.1 >= SECONDS_PER_RANK * n_ranks * 0.2


def test_a_batch_trusts_a_prediction_only_as_far_as_tasks_have_confirmed_it():
    queue = schedule([1e-6], np.zeros(10_000, dtype=int))
    assert [len(queue.batch()) for _ in range(5)] == [1] * 5, "nothing of it is finished: it may take hours"
    queue.record(0, 5, 5e-6)
    assert len(queue.batch()) == 6
    queue.record(0, 6, 600.0)  # so it does
    assert len(queue.batch()) == 1


def test_finished_tasks_correct_the_order_of_the_classes():
    queue = schedule([0.3, 0.2], np.arange(100) % 2)
    queue.batch(), queue.batch()
    assert queue.batch()[0] % 2 == 0
    queue.record(1, 1, 5.0)
    assert queue.batch()[0] % 2 == 1


def test_finished_tasks_correct_the_remaining_time():
    queue = schedule([0.01, 0.02], np.arange(2000) % 2)
    assert queue.remaining_seconds() == pytest.approx(30.0)
    queue.record(0, 200, 200 * 0.05)
    assert queue.remaining_seconds() == pytest.approx(1000 * 0.05 + 20.0, rel=0.01)


def test_nothing_waiting_is_nothing_to_do():
    queue = schedule([1.0], np.zeros(10, dtype=int), waiting=np.empty(0, dtype=int))
    assert not len(queue) and not len(queue.batch()) and queue.remaining_seconds() == 0
