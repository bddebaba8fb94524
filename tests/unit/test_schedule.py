"""The queue: longest class first, batches of about a second, every task handed out exactly once."""

import numpy as np
import pytest

from hpc_nu.campaign.schedule import BATCH_SECONDS, MAX_BATCH, Schedule


def drained(schedule):
    """All batches, until nothing is left."""
    batches = []
    while len(batch := schedule.batch()):
        batches.append(batch)
    assert not len(schedule)
    return batches


def schedule(seconds_of_class, classes, waiting=None, n_ranks=4):
    classes = np.asarray(classes)
    waiting = np.arange(len(classes)) if waiting is None else np.asarray(waiting)
    return Schedule(np.asarray(seconds_of_class, dtype=float)[classes], classes, waiting, n_ranks)


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


def test_the_longest_class_comes_first():
    queue = schedule([0.01, 5.0, 0.3], np.arange(60) % 3)
    handed_out = np.concatenate(drained(queue))
    np.testing.assert_array_equal(handed_out % 3, np.repeat([1, 2, 0], 20))


def test_a_batch_is_of_one_class():
    queue = schedule([0.01, 0.01, 0.01], np.arange(3000) % 3)
    assert all(len(set(batch % 3)) == 1 for batch in drained(queue))


def test_batches_are_bounded_in_time_number_and_share():
    for seconds, n_tasks in ((1e-6, 100_000), (0.02, 10_000), (0.3, 1000), (100.0, 50)):
        for batch in drained(schedule([seconds], np.zeros(n_tasks, dtype=int))):
            assert 1 <= len(batch) <= MAX_BATCH
            assert len(batch) == 1 or len(batch) * seconds <= BATCH_SECONDS * (1 + 1e-12)
    queue = schedule([1e-6], np.zeros(100, dtype=int), n_ranks=10)
    sizes = [len(batch) for batch in drained(queue)]
    assert sizes[0] == 5 and sizes[-1] == 1 and sizes == sorted(sizes, reverse=True), "the rest is to be shared evenly"


def test_finished_tasks_correct_the_prediction():
    queue = schedule([1e-5], np.zeros(100_000, dtype=int))
    assert len(queue.batch()) == MAX_BATCH
    queue.record(0, 100, 50.0)
    assert queue.expected_seconds()[0] == pytest.approx(0.5, rel=0.02)
    assert len(queue.batch()) == 2
    assert queue.remaining_seconds() == pytest.approx((100_000 - MAX_BATCH - 2) * queue.expected_seconds()[0])


def test_nothing_waiting_is_nothing_to_do():
    queue = schedule([1.0], np.zeros(10, dtype=int), waiting=np.empty(0, dtype=int))
    assert not len(queue) and not len(queue.batch()) and queue.remaining_seconds() == 0
