"""Compiled kernels of other sources, or of other users, are not used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hpc_nu import kernel_cache

SOURCES = ("units.py", "solver/code.py", "models/family/code.py", "a_new_room/code.py")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with some sources in the place of this one, and no choice of the user."""
    for name in (*SOURCES, "campaign/code.py"):
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    monkeypatch.setattr(kernel_cache, "_PACKAGE", tmp_path / "package")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    kernel_cache.fingerprint.cache_clear()
    yield tmp_path / "package"
    kernel_cache.fingerprint.cache_clear()


def chosen():
    kernel_cache.fingerprint.cache_clear()
    kernel_cache.use_kernel_cache()
    return Path(os.environ["NUMBA_CACHE_DIR"])


def test_a_change_in_any_folder_that_results_come_from_gives_another_cache(package):
    folders = [chosen()]
    assert chosen() == folders[0] and folders[0].is_dir() and folders[0].parent == package / "__pycache__"
    for name in SOURCES:
        (package / name).write_text("2")
        folders.append(chosen())
    (package / "models/family/another.py").write_text("")
    folders.append(chosen())
    assert len(set(folders)) == len(folders)
    (package / "campaign/code.py").write_text("2")  # computes nothing
    assert chosen() == folders[-1]


def test_below_the_folder_of_the_user_sources_are_told_apart_too(package, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "mine"))
    first = chosen()
    assert first.parent == tmp_path / "mine"
    assert chosen() == first  # as a child of this process would find it
    (package / "units.py").write_text("2")
    second = chosen()
    assert second.parent == tmp_path / "mine" and second != first


@pytest.mark.skipif(os.getuid() != 0, reason="needs files of somebody else")
def test_a_folder_of_somebody_else_is_never_used(package, tmp_path, monkeypatch):
    name = "hpc_nu-kernels-" + kernel_cache.fingerprint()
    planted = package / "__pycache__" / name
    planted.mkdir(parents=True)
    os.chown(planted, 12345, 12345)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert chosen().parent == tmp_path / "home" / ".cache" / "hpc_nu"
    os.chown(planted, 0, 0)
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    assert chosen() == planted
    planted.chmod(0o777)
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    assert chosen() != planted


@pytest.mark.parametrize("numba_first", [False, True])
def test_python_programs_get_it_by_importing_the_package(tmp_path, numba_first):
    code = "import numba\n" * numba_first + "import hpc_nu.units\nimport numba\nprint(numba.config.CACHE_DIR)"
    variables = dict(os.environ) | {"NUMBA_CACHE_DIR": str(tmp_path / "mine")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, timeout=120)
    assert done.stdout.strip() == str(tmp_path / "mine" / f"hpc_nu-kernels-{kernel_cache.fingerprint()}"), done.stderr
