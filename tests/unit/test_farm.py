"""The protocol of the farm, message by message: one rank here, and a script in the place of all others."""

import numpy as np
import pytest
from campaigns import TOY, write

from hpc_nu.campaign.farm import Left, _master, _Worker
from hpc_nu.campaign.in_hand import InHand
from hpc_nu.campaign.messages import _KINDS, Arrived, EndEpoch, Request, StopAsked, Work
from hpc_nu.campaign.plan import read_plan
from hpc_nu.campaign.progress import Progress
from hpc_nu.campaign.row_layout import RowLayout
from hpc_nu.campaign.wall_time import StopRequest
from hpc_nu.campaign.worker import Worker

pytest.importorskip("mpi4py")


class Sent:
    def Wait(self):
        pass


class Scripted:
    """A communicator of which one end is here; `answer(rank, message)` gives what comes back, as (rank, message)."""

    def __init__(self, rank, size, answer):
        self.rank, self.size, self.answer = rank, size, answer
        self.inbox, self.sent = [], []

    def isend(self, message, dest, tag):
        assert type(message) is _KINDS[tag]
        self.sent.append((dest, message))
        self.inbox += self.answer(dest, message) or []
        return Sent()

    def _find(self, source, tag):
        return next(
            (i for i, (rank, m) in enumerate(self.inbox) if source in (rank, self.any()) and tag in (None, _tag(m))),
            None,
        )

    @staticmethod
    def any():
        from mpi4py import MPI

        return MPI.ANY_SOURCE

    def iprobe(self, source, status, tag=None):
        found = self._find(source, tag)
        if found is None:
            return False
        status.source, status.tag = self.inbox[found][0], _tag(self.inbox[found][1])
        return True

    def recv(self, source, tag):
        return self.inbox.pop(self._find(source, tag))[1]


def _tag(message):
    return next(tag for tag, kind in _KINDS.items() if kind is type(message))


@pytest.fixture
def plan(toys, tmp_path):
    return read_plan(write(tmp_path, TOY.replace("epoch_seconds: 0.1", "epoch_seconds: 1000")))


def worker_of(plan, rank, stop):
    return Worker(plan, RowLayout(plan), rank, {}, stop)


def kinds(sent):
    return [type(message).__name__ for _, message in sent]


# ------------------------------------------------------------------------------------------------------------ a worker


def test_a_worker_asks_works_and_reports(plan):
    answers = iter([[(0, Work([4, 5, 6], []))], [(0, Work([7], []))], [(0, EndEpoch(False))]])
    communicator = Scripted(1, 2, lambda rank, message: next(answers) if isinstance(message, Request) else None)
    stop = StopRequest()
    worker = worker_of(plan, 1, stop)
    _Worker(communicator, worker, stop).epoch()
    assert kinds(communicator.sent) == ["Request", "Request", "Request", "Arrived"]
    reports = [message for _, message in communicator.sent[:3]]
    assert [report.n_tasks for report in reports] == [0, 3, 1] and all(report.seconds > 0 for report in reports[1:])
    assert communicator.sent[-1] == (0, Arrived(requests=3, stops=0))
    assert worker.take_rows()["task"].tolist() == [4, 5, 6, 7] and not communicator.inbox


def test_a_request_that_was_not_answered_stays_valid(plan):
    answers = iter([[(0, EndEpoch(False))], [(0, EndEpoch(True))]])
    communicator = Scripted(1, 2, lambda rank, message: next(answers) if isinstance(message, Request) else None)
    stop = StopRequest()
    side = _Worker(communicator, worker_of(plan, 1, stop), stop)
    side.epoch()
    assert kinds(communicator.sent) == ["Request", "Arrived"]
    communicator.inbox += [(0, Work([3], []))]
    side.epoch()
    assert kinds(communicator.sent[2:]) == ["Request", "Arrived"], "it has asked only after the work was done"
    assert communicator.sent[2][1].n_tasks == 1 and stop.reason


def test_a_worker_that_is_asked_to_stop_says_so_once(plan):
    def answer(rank, message):
        return [(0, EndEpoch(True))] if isinstance(message, StopAsked) else None

    communicator = Scripted(1, 2, answer)
    stop = StopRequest()
    side = _Worker(communicator, worker_of(plan, 1, stop), stop)
    stop.reason = "received SIGUSR1"
    side.epoch()
    assert kinds(communicator.sent).count("StopAsked") == 1
    assert communicator.sent[-1] == (0, Arrived(requests=kinds(communicator.sent).count("Request"), stops=1))


# ---------------------------------------------------------------------------------------------------------- the master


@pytest.fixture
def master(plan, tmp_path):
    """Makes the master of a scripted communicator; it does not compute."""

    def of(communicator, left=None, monkeypatch=None):
        stop, in_hand = StopRequest(), InHand(tmp_path / "out.h5", plan.problem_hash)
        in_hand.load(np.zeros(plan.n_tasks, bool))
        left = left or Left(np.arange(plan.n_tasks), [])
        progress = Progress(plan.n_tasks, 0)
        side = _master(communicator, worker_of(plan, 0, stop), stop, in_hand, left, progress, 1.0)
        side.computes = False
        return side

    return of


class Workers:
    """Ranks that do at once what they are told."""

    def __init__(self):
        self.solved, self.requests = [], {}

    def __call__(self, rank, message):
        if isinstance(message, EndEpoch):
            return [(rank, Arrived(self.requests[rank], 0))]
        self.solved += message.tasks
        return [self.request(rank, len(message.tasks))]

    def request(self, rank, n_tasks=0):
        self.requests[rank] = self.requests.get(rank, 0) + 1
        return rank, Request(0, n_tasks, 0.01 * n_tasks)


def test_the_master_hands_out_each_task_once_and_ends_the_epoch_for_everyone(master, plan):
    workers = Workers()
    communicator = Scripted(0, 4, workers)
    communicator.inbox = [workers.request(rank) for rank in (1, 2, 3)]
    side = master(communicator)
    side.epoch()
    assert sorted(workers.solved) == list(range(plan.n_tasks)) and side.nothing_left
    ended = [rank for rank, message in communicator.sent if isinstance(message, EndEpoch)]
    assert sorted(ended) == [1, 2, 3] and not communicator.inbox
    assert side.schedule.finished.sum() == plan.n_tasks
    side.in_hand.close()


def test_what_was_sent_before_the_commit_is_taken_before_it(master, plan):
    """A request and a stop that arrive only after the sender has said that it is there."""

    def answer(rank, message):
        late = [(rank, Arrived(1, 1)), (rank, Request(0, 5, 0.1)), (rank, StopAsked())]
        return late if isinstance(message, EndEpoch) else None

    communicator = Scripted(0, 2, answer)
    side = master(communicator)
    side.stop.reason = "received SIGUSR1"
    side.epoch()
    assert side.idle == {1} and side.schedule.finished.sum() == 5 and not communicator.inbox
    assert side.stopping and not side.nothing_left
    side.in_hand.close()


def test_a_request_of_the_epoch_before_is_answered_in_the_next(master, plan):
    workers = Workers()
    communicator = Scripted(0, 2, workers)
    workers.request(1)
    side = master(communicator)
    side.idle.add(1)
    side.received[1, Request] = 1
    side.epoch()
    assert sorted(workers.solved) == list(range(plan.n_tasks)) and side.nothing_left
    side.in_hand.close()
