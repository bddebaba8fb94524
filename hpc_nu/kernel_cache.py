"""Where compiled kernels are kept between runs.

numba looks only at the file of a function to see whether its cached code is out of date, not at the files of what it
calls: after a change in the stepper, a model's step loop would go on with the old one.  So the cache gets a folder of
its own for each state of the sources of the package, below whatever folder the user names with NUMBA_CACHE_DIR.

What is in that folder is executed.  So it is one that belongs to the user and that only he and his group can write to.
"""

import hashlib
import os
import sys
import tempfile
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_OF_NO_RESULT = ("campaign", "analysis", "cli.py", "__main__.py")
"""What hands results out, writes and reads them, but does not compute any."""
_NAME = "hpc_nu-kernels-"


def use_kernel_cache():
    """Set NUMBA_CACHE_DIR to a folder for these sources; called when the package is imported, before or after numba.

    The folder lies in the one that NUMBA_CACHE_DIR names already, or else in the package's `__pycache__`, or where that
    cannot be written in ~/.cache/hpc_nu, or in /tmp.  (numba itself keeps the code of different processors apart.)
    """
    name = _NAME + fingerprint()
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given and Path(given).name == name and _is_ours(Path(given)):
        return
    # One that was set by another version of the sources, in a process of which this is a child, is not the user's.
    chosen = [Path(given).parent if Path(given).name.startswith(_NAME) else Path(given)] if given else []
    for base in (*chosen, _PACKAGE / "__pycache__", Path.home() / ".cache" / "hpc_nu", _temporary()):
        folder = base / name
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        except (OSError, RuntimeError):
            continue
        if _is_ours(folder):
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
            break
    else:
        os.environ.pop("NUMBA_CACHE_DIR", None)
    if "numba" in sys.modules:  # it has read the variable already
        sys.modules["numba"].config.CACHE_DIR = os.environ.get("NUMBA_CACHE_DIR", "")


def _is_ours(folder):
    """Whether what lies in the folder can only come from this user (or root), and can be added to."""
    try:
        for path in (folder, folder.parent):
            status = path.stat()
            sticky = status.st_mode & 0o1000 and path != folder  # as of /tmp: nobody can replace what is another's
            if status.st_uid not in (0, os.getuid()) or (status.st_mode & 0o002 and not sticky):
                return False
        return folder.stat().st_uid == os.getuid() and not folder.is_symlink() and os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        return False


def _temporary():
    """The last resort: without any folder numba refuses to compile."""
    return Path(tempfile.gettempdir()) / f"hpc_nu-{os.getuid()}"


@cache
def fingerprint():
    """Of all sources that kernels, the constants in them and results come from."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        name = path.relative_to(_PACKAGE)
        if name.parts[0] not in _OF_NO_RESULT:
            digest.update(os.fsencode(name) + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
