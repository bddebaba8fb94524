"""What the ranks tell each other in an epoch: named records, each kind under a tag of its own.

A worker sends `Request`, `StopAsked` and `Arrived`, the master `Work` and `EndEpoch`.
"""

from typing import NamedTuple


class Request(NamedTuple):
    """A worker has nothing to do; what it has finished since its last request.

    Attributes
    ----------
    task_class : int
        Cost class of the tasks finished, of which there is one in a batch.
    n_tasks : int
    seconds : float
        Time they took, all together.
    """

    task_class: int = 0
    n_tasks: int = 0
    seconds: float = 0.0


class Work(NamedTuple):
    """Tasks for the worker.

    Attributes
    ----------
    tasks : list of int
    suspended : list of Suspended
        States of those of them that were begun.
    """

    tasks: list
    suspended: list


class EndEpoch(NamedTuple):
    """To the commit, all ranks; `stopping`: it is the last one of this run."""

    stopping: bool


class StopAsked(NamedTuple):
    """The worker was asked to stop, by a signal or its clock."""


class Arrived(NamedTuple):
    """The worker is about to enter the commit, and has sent so many requests, and so many times that it was asked to
    stop, in all of its life: none of them is to be left under way."""

    requests: int
    stops: int


_TAGS = {kind: tag for tag, kind in enumerate((Request, Work, EndEpoch, StopAsked, Arrived), start=1)}
_KINDS = {tag: kind for kind, tag in _TAGS.items()}


class Mail:
    """The messages of one rank; on a single one there are none, and MPI is not needed."""

    def __init__(self, communicator):
        self.communicator = communicator
        if communicator.size > 1:
            from mpi4py import MPI  # late: a run on one rank does without

            self.any, self.status = MPI.ANY_SOURCE, MPI.Status()

    def send(self, message, rank):
        """Begin to send, without waiting for the other side to listen.

        Returns
        -------
        MPI.Request
        """
        return self.communicator.isend(message, dest=rank, tag=_TAGS[type(message)])

    def sender_of(self, kind):
        """A rank of which a message of this kind has come; None if there is none."""
        if self.communicator.iprobe(source=self.any, tag=_TAGS[kind], status=self.status):
            return self.status.source
        return None

    def next_from(self, rank):
        """The next message from a rank, of whatever kind, if one has come; else None."""
        if self.communicator.iprobe(source=rank, status=self.status):
            return self.receive(rank, _KINDS[self.status.tag])
        return None

    def receive(self, rank, kind):
        """The next message of this kind from a rank; waits for it."""
        return self.communicator.recv(source=rank, tag=_TAGS[kind])
