"""Folders that one process works in: what it finds out before, and what it leaves alone."""

import os

import pytest

from keras_vae.training.runs import folder_lock


def test_a_full_disk_is_found_before_training(tmp_path, monkeypatch):
    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match=r"Expected to be able to write 3.0 MB.*No space.*MB are fr"):
        folder_lock.check_room(tmp_path, 3_000_000)
    assert os.listdir(tmp_path) == []


def test_the_room_for_the_model_is_really_written(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(os.fstat(descriptor).st_size))
    folder_lock.check_room(tmp_path, 2_500_000)
    assert seen == [2_500_000]
    assert os.listdir(tmp_path) == []


def test_the_lock_of_a_folder_removes_no_files(tmp_path):
    """A moment later a program may refuse the folder, because it is not its own."""
    names = (".model.123.tmp.keras", ".probe.123", "model.keras", ".mine")
    for name in names:
        (tmp_path / name).write_text("")
    (tmp_path / ".cache.tmp").mkdir()
    with folder_lock.lock(tmp_path):
        assert sorted(os.listdir(tmp_path)) == sorted([*names, ".cache.tmp"])
