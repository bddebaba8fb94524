"""Master and workers: one epoch of point-to-point work, then one collective commit, until all is done or a stop.

Inside an epoch a worker with nothing to do sends one REQUEST and waits; the master answers with WORK, or, once to every
worker, with END_EPOCH.  A request that was not answered when the epoch ended stays valid in the next one.  So each rank
enters the commit after exactly one END_EPOCH, and nobody waits for a message that does not come.

The master's messages are answered between two steps of a solve, so on small runs it computes as well.
"""

import time

import numpy as np

from hpc_nu.campaign.checkpoint import Suspended
from hpc_nu.campaign.schedule import Schedule
from hpc_nu.campaign.worker import Worker
from hpc_nu.solver.result_codes import ResultCode

_REQUEST, _WORK, _STATE, _END_EPOCH, _STOP = 1, 2, 3, 4, 5

# Up to so many ranks the master computes, too; beyond, a rank that only serves answers at once.
_COMPUTING_MASTER_RANKS = 16

# Waiting ranks look for messages in this rhythm [s] instead of spinning: a core is worth more than the delay.
_NAP = 2e-4


class _Worker:
    """A rank other than 0."""

    def __init__(self, communicator, worker, stop):
        self.communicator, self.worker, self.stop = communicator, worker, stop
        self.request = None
        self.report = np.zeros(3)  # class, number and seconds of the tasks finished since the last request
        self.asked = self.told_to_stop = self.epoch_over = False
        self.status = _mpi().Status()

    def epoch(self):
        """Work until the master ends the epoch."""
        self.epoch_over = False
        while not self.heard_end_of_epoch():
            if self.worker.queue:
                self.solve_one()
            elif not self.asked:
                self.ask()
            else:
                time.sleep(_NAP)

    def solve_one(self):
        task_class = self.worker.next_class()
        finished = self.worker.solve_next(self.heard_end_of_epoch)
        if finished is not None:
            self.report[:] = task_class, self.report[1] + finished[0], self.report[2] + finished[1]

    def ask(self):
        """Ask for work without waiting for the master to listen: it may be on its way into the commit."""
        if self.request is not None:
            self.request.Wait()
        self.sent_report = self.report.copy()
        self.request = self.communicator.Isend(self.sent_report, dest=0, tag=_REQUEST)
        self.report[1:] = 0
        self.asked = True

    def receive_work(self):
        message = _receive(self.communicator, 0, _WORK, np.int64)
        n_states, tasks = int(message[0]), message[1:]
        states = [_receive(self.communicator, 0, _STATE, np.float64) for _ in range(n_states)]
        self.worker.add(tasks, [Suspended(int(s[0]), int(s[1]), s[2], s[3:]) for s in states])
        self.asked = False

    def heard_end_of_epoch(self):
        """Take the master's messages in the order in which they were sent, so that no work is left behind when the
        epoch ends; and tell the master once if this rank was asked to stop."""
        if self.stop and not self.told_to_stop:
            self.told_to_stop = True
            self.stop_message = np.zeros(1)
            self.stop_request = self.communicator.Isend(self.stop_message, dest=0, tag=_STOP)
        while not self.epoch_over and self.communicator.Iprobe(source=0, status=self.status):
            if self.status.tag == _WORK:
                self.receive_work()
            else:
                _receive(self.communicator, 0, _END_EPOCH, np.int64)
                self.epoch_over = True
        return self.epoch_over


class _Master:
    """Rank 0."""

    def __init__(self, communicator, worker, stop, schedule, suspended, epoch_seconds, progress):
        self.communicator, self.worker, self.stop = communicator, worker, stop
        self.schedule, self.suspended = schedule, suspended
        self.epoch_seconds, self.progress = epoch_seconds, progress
        self.idle = set()
        self.computes = communicator.size <= _COMPUTING_MASTER_RANKS
        self.stop_seen = self.epoch_over = False

    def epoch(self):
        """Hand out work until the clock, a stop request or the last task ends the epoch; then tell everyone."""
        self.epoch_over = False
        self.epoch_end = time.monotonic() + self.epoch_seconds
        while not self.end_of_epoch():
            if not self.worker.queue and self.computes:
                self.worker.add(*self.next_batch())
            if self.worker.queue:
                task_class = self.worker.next_class()
                finished = self.worker.solve_next(self.end_of_epoch)
                if finished is not None:
                    self.schedule.record(task_class, *finished)
                    self.progress.count(finished[0])
            else:
                time.sleep(_NAP)
        word = np.zeros(1, dtype=np.int64)
        sent = [self.communicator.Isend(word, dest=rank, tag=_END_EPOCH) for rank in range(1, self.communicator.size)]
        for request in sent:
            request.Wait()

    @property
    def nothing_left(self):
        """All tasks are solved: the queue is empty and every rank has reported back."""
        return (
            not len(self.schedule)
            and not self.suspended
            and not self.worker.queue
            and len(self.idle) == self.communicator.size - 1
        )

    def end_of_epoch(self):
        """Answer all messages and say whether the epoch is over; asked between the steps of the master's own solves."""
        if self.epoch_over:
            return True
        self.serve()
        self.stop_seen = self.stop_seen or bool(self.stop)
        self.progress.beat(self.schedule)
        self.epoch_over = self.stop_seen or self.nothing_left or time.monotonic() > self.epoch_end
        return self.epoch_over

    def serve(self):
        if self.communicator.size == 1:
            return
        status = _mpi().Status()
        while self.communicator.Iprobe(tag=_STOP, status=status):
            _receive(self.communicator, status.source, _STOP, np.float64)
            self.stop_seen = True
        while self.communicator.Iprobe(tag=_REQUEST, status=status):
            task_class, n_tasks, seconds = _receive(self.communicator, status.source, _REQUEST, np.float64)
            self.schedule.record(int(task_class), n_tasks, seconds)
            self.progress.count(int(n_tasks))
            self.idle.add(status.source)
        for rank in sorted(self.idle):
            tasks, suspended = self.next_batch()
            if not len(tasks):
                break
            self.send_work(rank, tasks, suspended)
            self.idle.discard(rank)

    def next_batch(self):
        """Tasks and their states: interrupted ones first, one at a time."""
        if self.suspended:
            first = self.suspended.pop(0)
            return [first.task], [first]
        return self.schedule.batch(), []

    def send_work(self, rank, tasks, suspended):
        message = np.array([len(suspended), *tasks], dtype=np.int64)
        self.communicator.Send(message, dest=rank, tag=_WORK)
        for task, attempt, seconds, state in suspended:
            self.communicator.Send(np.concatenate([[task, attempt, seconds], state]), dest=rank, tag=_STATE)


def _mpi():
    """mpi4py's module: imported late, since a run on one rank does without."""
    from mpi4py import MPI

    return MPI


def _receive(communicator, source, tag, dtype):
    """The next message from `source` with `tag`, whatever its length."""
    status = _mpi().Status()
    communicator.Probe(source=source, tag=tag, status=status)
    message = np.empty(status.Get_count(_mpi().BYTE) // np.dtype(dtype).itemsize, dtype=dtype)
    communicator.Recv(message, source=source, tag=tag)
    return message


def farm(communicator, plan, results, checkpoint, waiting, suspended, stop, progress):
    """Solve the tasks `waiting` and record them; collective.

    Parameters
    ----------
    waiting : int array
        Tasks without a row; used on rank 0.
    suspended : list of Suspended
        Those of them that have been begun, used on rank 0.
    stop : StopRequest

    Returns
    -------
    bool
        True if all is done, False if asked to stop.
    """
    worker = Worker(plan, results.layout, communicator.rank)
    if communicator.rank == 0:
        begun = [s.task for s in suspended]
        fresh = np.setdiff1d(waiting, begun)
        schedule = Schedule(plan.predicted_seconds(), plan.task_class(slice(None)), fresh, communicator.size)
        side = _Master(communicator, worker, stop, schedule, list(suspended), plan.epoch_seconds, progress)
    else:
        side = _Worker(communicator, worker, stop)
    while True:
        side.epoch()
        finished, stopping = communicator.bcast((side.nothing_left, side.stop_seen) if communicator.rank == 0 else None)
        rows = worker.take_rows()
        results.commit(rows)
        failures = int(np.sum(rows["status"] != ResultCode.DONE))
        gathered = communicator.gather((worker.in_flight(), failures))
        if communicator.rank == 0:
            checkpoint.save(side.suspended + [s for in_flight, _ in gathered for s in in_flight])
            progress.committed(schedule, sum(n for _, n in gathered))
        communicator.barrier()
        if finished or stopping:
            return finished
