"""Master and workers: one epoch of point-to-point work, then one collective commit, until all is done or a stop.

Inside an epoch a worker with nothing to do sends one `Request` and waits; the master answers with `Work`, or, once to
every worker, with `EndEpoch`.  A request that was not answered when the epoch ended stays valid in the next one.  So
each rank enters the commit after exactly one `EndEpoch`, and nobody waits for a message that does not come.  A worker
says with `Arrived` that it is about to enter, and which messages it has sent, so that none is under way during a
commit; the master names those for whom it has to wait long.

The master's messages are answered between two steps of a solve, so on small runs it computes as well.
"""

import faulthandler
import os
import platform
import sys
import time
from collections import Counter, deque
from typing import NamedTuple

import numpy as np

from hpc_nu.campaign.errors import Failure
from hpc_nu.campaign.expected_cost import expected_cost
from hpc_nu.campaign.messages import Arrived, EndEpoch, Mail, Request, StopAsked, Work
from hpc_nu.campaign.progress import duration, log
from hpc_nu.campaign.schedule import Schedule
from hpc_nu.campaign.watchdog import GRACE_SECONDS
from hpc_nu.campaign.worker import Worker
from hpc_nu.result_codes import is_failure

# Up to so many ranks the master computes, too; beyond, a rank that only serves answers at once.
COMPUTING_MASTER_RANKS = 16

# While it solves, a rank looks for messages in this rhythm [s]: a look gives the core away where ranks share cores.
_LOOK = 1e-3

# Waiting ranks nap instead of spinning, the longer the longer nothing comes [s]: a core is worth more than the delay.
_SHORTEST_NAP, _LONGEST_NAP = 2e-4, 2e-3

# A rank that is so late for a commit [s] is named.
_LATE_SECONDS = 30.0

# What passes between two looks, beyond so much [s], is time in which this process was suspended, and all with it.
_SUSPENDED = 1.0

# A collective call in which another rank has failed waits for ever: a commit that takes longer [s] ends the process.
_LONGEST_COMMIT = 1800.0

# The first epoch [s]; each is twice as long as the one before, up to what the input says: also what is killed early,
# and often, gets on.
_FIRST_EPOCH = 5.0


class Left(NamedTuple):
    """What is left to do when a run begins; known to rank 0.

    Attributes
    ----------
    tasks : int array
        Tasks without a row.
    suspended : list of Suspended
        Those of them that have been begun.
    """

    tasks: np.ndarray
    suspended: list


class _Clock:
    """When to look for messages, and how long to nap meanwhile."""

    def __init__(self):
        self.next_look = 0.0
        self.something_came()

    def is_time(self):
        now = time.monotonic()
        if now < self.next_look:
            return False
        self.next_look = now + _LOOK
        return True

    def sleep(self):
        time.sleep(self.nap)
        self.nap = min(1.2 * self.nap, _LONGEST_NAP)
        self.next_look = 0.0

    def something_came(self):
        self.nap = _SHORTEST_NAP


class _Worker:
    """A rank other than 0."""

    def __init__(self, communicator, worker, stop):
        self.mail, self.worker, self.stop = Mail(communicator), worker, stop
        self.under_way = {}  # kind of message -> MPI's request of the last one to the master
        self.sent = Counter()  # kind -> messages to the master
        self.report = Request()
        self.asked = self.told_to_stop = self.epoch_over = False
        self.clock = _Clock()

    def epoch(self):
        """Work until the master ends the epoch."""
        self.epoch_over = False
        while not self.heard_end_of_epoch():
            if self.worker.queue:
                self.solve_one()
            elif not self.asked:
                self.ask()
            else:
                self.clock.sleep()
        self.worker.watchdog.rest()  # others may be waited for, however long they take
        self.tell(Arrived(self.sent[Request], self.sent[StopAsked]))
        for request in self.under_way.values():
            request.Wait()

    def tell(self, message):
        """Send without waiting for the master to listen: it may be on its way into the commit."""
        kind = type(message)
        if kind in self.under_way:
            self.under_way[kind].Wait()
        self.under_way[kind] = self.mail.send(message, rank=0)
        self.sent[kind] += 1

    def solve_one(self):
        task_class = self.worker.next_class()
        finished = self.worker.solve_next(self.heard_end_of_epoch)
        if finished is not None:
            n_tasks, seconds = finished
            self.report = Request(task_class, self.report.n_tasks + n_tasks, self.report.seconds + seconds)

    def ask(self):
        self.tell(self.report)
        self.report, self.asked = Request(), True

    def take(self, work):
        self.worker.add(work.tasks, work.suspended)
        self.asked = False
        self.clock.something_came()

    def heard_end_of_epoch(self):
        """Take the master's messages in the order in which they were sent, so that no work is left behind when the
        epoch ends; and tell the master once if this rank was asked to stop."""
        if self.epoch_over or not self.clock.is_time():
            return self.epoch_over
        if self.stop and not self.told_to_stop:
            self.told_to_stop = True
            self.tell(StopAsked())
        while not self.epoch_over and (message := self.mail.next_from(0)) is not None:
            if isinstance(message, Work):
                self.take(message)
                continue
            if message.stopping:
                self.told_to_stop = True
                self.stop.follow()
            self.epoch_over = True
        return self.epoch_over


class _Master:
    """Rank 0."""

    def __init__(self, communicator, worker, stop, schedule, begun, suspects, in_hand, progress, crowding):
        self.communicator, self.worker, self.stop = communicator, worker, stop
        self.schedule, self.in_hand, self.progress = schedule, in_hand, progress
        self.begun, self.suspects = deque(begun), deque(suspects)
        self.epoch_seconds = min(_FIRST_EPOCH, worker.plan.epoch_seconds)
        # Nobody is longer away than a try and a retry, without a pause, that spend their budgets and meet the watchdog.
        solver = worker.plan.solver
        self.patience = crowding * (solver.max_seconds + solver.more_careful().max_seconds + 3 * GRACE_SECONDS)
        self.idle = set()
        self.computes = communicator.size <= COMPUTING_MASTER_RANKS
        self.stopping = self.epoch_over = False
        self.received = Counter()  # (rank, kind) -> messages
        self.clock, self.mail = _Clock(), Mail(communicator)

    def epoch(self):
        """Hand out work until the clock, a stop request or the last task ends the epoch; then tell everyone."""
        self.epoch_over = False
        self.clock.something_came()
        self.epoch_end = time.monotonic() + self.epoch_seconds
        self.epoch_seconds = min(2 * self.epoch_seconds, self.worker.plan.epoch_seconds)
        while not self.end_of_epoch():
            if not self.worker.queue and self.computes:
                tasks, suspended = self.next_batch()
                if len(tasks) or self.in_hand.held.get(0):
                    self.in_hand.hold(0, tasks)
                self.worker.add(tasks, suspended)
            if self.worker.queue:
                task_class = self.worker.next_class()
                finished = self.worker.solve_next(self.end_of_epoch)
                if finished is not None:
                    self.schedule.record(task_class, *finished)
                    self.progress.count(finished[0])
            else:
                self.clock.sleep()
        self.worker.watchdog.rest()
        self.stopping = bool(self.stop)  # known to all from here on; what comes later stops the next epoch
        word = EndEpoch(self.stopping)
        for request in [self.mail.send(word, rank) for rank in range(1, self.communicator.size)]:
            request.Wait()
        self.wait_for_arrivals()

    def wait_for_arrivals(self):
        """Until all ranks are on their way into the commit: a collective call could not say whom it waits for."""
        missing = set(range(1, self.communicator.size))
        waited, looked, remarks = 0.0, time.monotonic(), 0
        while missing:
            while (rank := self.mail.sender_of(Arrived)) is not None:
                arrived = self.receive(rank, Arrived)
                while self.received[rank, Request] < arrived.requests:
                    self.receive_request(rank)
                while self.received[rank, StopAsked] < arrived.stops:
                    self.receive_stop(rank)
                missing.discard(rank)
            now = time.monotonic()
            waited, looked = waited + min(now - looked, _SUSPENDED), now
            if waited > (remarks + 1) * _LATE_SECONDS:
                remarks += 1
                log.warning("waiting for %s since %s, before the commit", self.names(missing), duration(waited))
            if waited > self.patience:
                raise Failure(f"{self.names(missing)} did not come to the commit within {duration(waited)}")
            if missing:
                self.clock.sleep()

    def names(self, ranks):
        """Ranks and what they hold."""
        named = [f"rank {rank} (tasks {self.in_hand.held.get(rank, '')})" for rank in sorted(ranks)[:3]]
        return ", ".join(named) + (f" and {len(ranks) - 3} more" if len(ranks) > 3 else "")

    @property
    def nothing_left(self):
        """All tasks are solved: the queue is empty and every rank has reported back."""
        return (
            not len(self.schedule)
            and not self.begun
            and not self.suspects
            and not self.worker.queue
            and len(self.idle) == self.communicator.size - 1
        )

    def end_of_epoch(self):
        """Answer all messages and say whether the epoch is over; asked between the steps of the master's own solves."""
        if self.epoch_over or not self.clock.is_time():
            return self.epoch_over
        self.serve()
        self.progress.beat(self.schedule)
        self.epoch_over = bool(self.stop) or self.nothing_left or time.monotonic() > self.epoch_end
        return self.epoch_over

    def serve(self):
        if self.communicator.size == 1:
            return
        while (rank := self.mail.sender_of(StopAsked)) is not None:
            self.receive_stop(rank)
        while (rank := self.mail.sender_of(Request)) is not None:
            self.receive_request(rank)
            self.clock.something_came()
        for rank in sorted(self.idle):
            tasks, suspended = self.next_batch()
            if not len(tasks):
                break
            self.in_hand.hold(rank, tasks)
            self.mail.send(Work(tasks, suspended), rank).Wait()
            self.idle.discard(rank)

    def receive(self, rank, kind):
        self.received[rank, kind] += 1
        return self.mail.receive(rank, kind)

    def receive_stop(self, rank):
        self.receive(rank, StopAsked)
        self.stop.follow()

    def receive_request(self, rank):
        report = self.receive(rank, Request)
        self.schedule.record(*report)
        self.progress.count(report.n_tasks)
        self.idle.add(rank)
        self.in_hand.hold(rank, ())

    def next_batch(self):
        """Tasks and their states: first those that were begun; last, and alone, those that may have ended a run."""
        for apart in (self.begun, () if len(self.schedule) else self.suspects):
            if apart:
                task, suspended = apart.popleft()
                return [task], suspended
        return self.schedule.batch().tolist(), []

    def interrupted(self):
        """States of tasks that nobody has taken up again."""
        return [state for _, states in (*self.begun, *self.suspects) for state in states]


def farm(communicator, plan, results, checkpoint, in_hand, left, stop, progress):
    """Solve what is left and record it; collective.

    Parameters
    ----------
    in_hand : InHand
    left : Left
    stop : StopRequest
        On every rank its own.

    Returns
    -------
    bool
        True if all is done, False if asked to stop.
    str
        What went wrong outside of the tasks, and ended the run; empty if nothing did.
    """
    deaths, results.layout.run, results.identity = communicator.bcast(
        (in_hand.deaths, results.layout.run, results.identity)
    )
    worker = Worker(plan, results.layout, communicator.rank, deaths, stop)
    hosts = communicator.gather((platform.node(), os.sched_getaffinity(0)))
    if communicator.rank == 0:
        side = _master(communicator, worker, stop, in_hand, left, progress, _crowding(hosts))
    else:
        side = _Worker(communicator, worker, stop)
    while True:
        side.epoch()
        if communicator.rank == 0:
            in_hand.let_go()  # who dies in a commit does not die of a task
        finished, stopping = communicator.bcast((side.nothing_left, side.stopping) if communicator.rank == 0 else None)
        rows = worker.take_rows()
        faulthandler.dump_traceback_later(_LONGEST_COMMIT, exit=True, file=sys.__stderr__ or 2)
        results.commit(rows)
        failures = int(np.sum(is_failure(rows["status"])))
        gathered = communicator.gather((worker.in_flight(), len(rows), failures, worker.trouble))
        if communicator.rank == 0:
            checkpoint.save(side.interrupted() + [s for in_flight, *_ in gathered for s in in_flight])
            troubles = [trouble for *_, trouble in gathered if trouble]
            in_hand.blame(task for task, _ in troubles)
            if finished or stopping:
                in_hand.end(finished)
            else:
                in_hand.save()
            progress.committed(side.schedule, sum(n for _, n, *_ in gathered), sum(n for *_, n, _ in gathered))
        communicator.barrier()
        faulthandler.cancel_dump_traceback_later()
        if finished or stopping:
            return finished, communicator.bcast(troubles[0][1] if communicator.rank == 0 and troubles else "")


def _crowding(hosts):
    """Ranks that share a core, where they are most: for them a budget of processor time lasts so much longer."""
    cores, ranks = {}, Counter(host for host, _ in hosts)
    for host, its_cores in hosts:
        cores.setdefault(host, set()).update(its_cores)
    return max(1.0, *(n / len(cores[host]) for host, n in ranks.items()))


def _master(communicator, worker, stop, in_hand, left, progress, crowding):
    """Rank 0's side, with the tasks that were begun, and those under suspicion, set apart."""
    suspended = {s.task: [s] for s in left.suspended}
    begun = [(task, states) for task, states in suspended.items() if task not in in_hand.deaths]
    suspects = sorted(in_hand.deaths, key=lambda task: (in_hand.deaths[task], task))
    suspects = [(task, suspended.get(task, [])) for task in suspects]
    plan, fresh = worker.plan, np.setdiff1d(left.tasks, [*suspended, *in_hand.deaths])
    schedule = Schedule(expected_cost(plan), plan.task_class(slice(None)), fresh, communicator.size)
    return _Master(communicator, worker, stop, schedule, begun, suspects, in_hand, progress, crowding)
