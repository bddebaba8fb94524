"""What is read or built once and is then what all ranks use, and all processes that they start.

A file may change while a campaign runs, and another host may have another one of its name, or none: rows must be those
of what the first rank has read, which is part of the problem's identity.
"""

from functools import partial

from hpc_nu.single_process import SingleProcess

_kept = {}
"""Everything of this process, by kind and key."""


class Shared:
    """Things of one kind, by key.

    Parameters
    ----------
    kind : str
        Its name, which no other has.
    make : callable
        From (key, communicator), collective, what to keep: the same on all ranks.
    """

    def __init__(self, kind, make):
        self._kind, self._make = kind, make

    def __getitem__(self, key):
        """Made by this process alone if it is not there."""
        if (self._kind, key) not in _kept:
            _kept[self._kind, key] = self._make(key, SingleProcess())
        return _kept[self._kind, key]

    def prepare(self, keys, communicator):
        """What rank 0 has of its `keys`, or else is now made, is what all ranks have; collective."""
        for key in communicator.bcast(list(keys)):
            there = communicator.bcast(_kept.get((self._kind, key)))
            _kept[self._kind, key] = self._make(key, communicator) if there is None else there

    def clear(self):
        """Forget them: the next look makes them anew."""
        for name in [name for name in _kept if name[0] == self._kind]:
            del _kept[name]


def shared_files(kind, read):
    """A `Shared` by path, of what `read` makes of a file."""
    return Shared(kind, lambda path, communicator: on_rank_0(communicator, partial(read, path)))


def everything_shared():
    """For `share` in another process: can be pickled."""
    return dict(_kept)


def share(everything):
    """Keep what another process has."""
    _kept.update(everything)


def on_rank_0(communicator, action):
    """Result of `action`, done by rank 0 alone, on all ranks; and so its exception."""
    result = error = None
    if communicator.rank == 0:
        try:
            result = action()
        except Exception as problem:
            error = problem
    result, error = communicator.bcast((result, error))
    if error is not None:
        raise error
    return result
