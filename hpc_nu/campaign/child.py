"""Python processes started by this one: they import what it would, and nothing from the folder in which it runs.

`python -c` and `python -m` put the working folder first on sys.path, so that a user's copy.py there would be executed.
"""

import os
import sys

_PRELUDE = """\
import sys
sys.path[:] = {path!r}
import ctypes, os, signal
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != {parent}:
    os._exit(1)
"""


def python_command(code):
    """Command of a process that executes `code`, and ends as soon as this one does."""
    here = os.getcwd()
    path = [folder for folder in sys.path if folder and os.path.abspath(folder) != here]
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if package not in path:  # where this process itself took it from the working folder
        path.append(package)
    return [sys.executable, "-c", _PRELUDE.format(path=path, parent=os.getpid()) + code]
