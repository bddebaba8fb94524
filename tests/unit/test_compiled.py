"""Kernels are kept between runs, and what was damaged on the way is compiled anew."""

import importlib.util

import numba
import pytest

import hpc_nu.compiled  # noqa: F401 - to import it chooses a folder

SOURCE = """
from hpc_nu.compiled import compiled
@compiled
def inner(x):
    return 1.0 / x
@compiled(inline="always")
def outer(x):
    return inner(x) + 1.0
"""

DAMAGE = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "a few bytes more": lambda data: data + b"abc",
    "a bit": lambda data: data[:500] + bytes([data[500] ^ 4]) + data[501:],
    "the last bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "another file": lambda data: b"import os\n" * 100,
}


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """Gives the functions of `SOURCE` as a new process would have them, and the folder in which they are kept."""
    (tmp_path / "kernels.py").write_text(SOURCE)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    numba.config.reload_config()

    def load():
        spec = importlib.util.spec_from_file_location("kernels", tmp_path / "kernels.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    load.folder = tmp_path / "cache"
    yield load
    monkeypatch.undo()
    numba.config.reload_config()


def compilations(module):
    """Calls a function; how many were compiled, and how many read."""
    assert module.outer(4.0) == 1.25 and module.outer(0.0) == float("inf")
    stats = [function.stats for function in (module.inner, module.outer)]
    return sum(sum(s.cache_misses.values()) for s in stats), sum(sum(s.cache_hits.values()) for s in stats)


def test_a_kernel_is_compiled_once(fresh):
    assert compilations(fresh())[0] > 0
    assert compilations(fresh()) == (0, 1)  # the outer one has what it calls


def test_a_kernel_of_another_text_does_not_take_its_place(fresh):
    """As when processes with the old text of a source and with the new one write at the same time."""
    compilations(fresh())
    kept = {path: path.read_bytes() for path in fresh.folder.rglob("*.nbc")}
    source = fresh.folder.parent / "kernels.py"
    source.write_text(source.read_text().replace("1.0 / x", "1.0 / x + 0.0 * x"))
    compilations(fresh())
    for path, data in kept.items():
        assert path.read_bytes() != data
        path.write_bytes(data)
    assert compilations(fresh())[0] > 0


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_compiled_anew(damage, suffix, fresh):
    compilations(fresh())
    for path in fresh.folder.rglob(f"*.{suffix}"):
        data = path.read_bytes()
        path.write_bytes(DAMAGE[damage](data if len(data) > 500 else data.ljust(501)))
    assert compilations(fresh())[0] > 0
    assert compilations(fresh()) == (0, 1)
