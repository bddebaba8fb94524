"""Compiled kernels of other sources are not used."""

import os

from hpc_nu.solver import kernel_cache


def test_a_change_in_any_room_of_kernels_gives_another_folder(tmp_path, monkeypatch):
    for room in kernel_cache._ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "code.py").write_text("1")
    (tmp_path / "units.py").write_text("1")
    monkeypatch.setattr(kernel_cache, "_PACKAGE", tmp_path)

    def folder():
        with monkeypatch.context() as patch:
            patch.delenv("NUMBA_CACHE_DIR", raising=False)
            kernel_cache.use_kernel_cache()
            return os.environ.pop("NUMBA_CACHE_DIR")

    folders = [folder()]
    assert folder() == folders[0] and os.path.isdir(folders[0])
    for path in [*(tmp_path / room / "code.py" for room in kernel_cache._ROOMS), tmp_path / "units.py"]:
        path.write_text("2")
        folders.append(folder())
    assert len(set(folders)) == len(folders)


def test_a_choice_of_the_user_stays(monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "mine")
    kernel_cache.use_kernel_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == "mine"
