"""Where compiled kernels are kept between runs.

numba looks only at the file of a function to see whether its cached code is out of date, not at the files of what it
calls: after a change in the stepper, a model's step loop would go on with the old one.  So the cache gets a folder of
its own for each state of the sources that can be part of a kernel.
"""

import hashlib
import os
import tempfile
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_ROOMS = ("solver", "plasma", "seesaw", "interactions", "models")


def use_kernel_cache():
    """Set NUMBA_CACHE_DIR, unless the user has; to be called before numba is imported.

    The folder lies in the package's `__pycache__`, or where that cannot be written in ~/.cache/hpc_nu, or in /tmp.
    (numba itself keeps the code of different processors apart.)
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    name = f"kernels-{_fingerprint()}"
    for base in (_PACKAGE / "__pycache__", Path.home() / ".cache" / "hpc_nu", _temporary()):
        try:
            (base / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(base / name, os.W_OK):
            os.environ["NUMBA_CACHE_DIR"] = str(base / name)
            return


def _temporary():
    """The last resort: without any folder numba refuses to compile."""
    return Path(tempfile.gettempdir()) / f"hpc_nu-{os.getuid()}"


def _fingerprint():
    """Of all sources that kernels and the constants in them come from."""
    digest = hashlib.sha256((_PACKAGE / "units.py").read_bytes())
    for room in _ROOMS:
        for path in sorted((_PACKAGE / room).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
