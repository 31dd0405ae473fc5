"""Temporary files: only abandoned ones of our own go, and writers never share one."""

import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from keras_vae.files.atomic import write_atomically
from keras_vae.files.folders import partial_folder
from keras_vae.files.temporary import remove_abandoned, temporary_file
from tests.support.serving import ROOT

# Names that people give, and that earlier versions gave with a number of a process.
OF_USERS = (
    ".notes.tmp.txt",
    ".vimrc.tmp",
    ".session.tmp-backup",
    ".probe.results",
    ".partial-download",
    ".model.123.tmp.keras",
    ".model.keras_vae-mine.tmp.keras",
)
HEX = "0123456789abcdef" * 2
# Leaves a temporary file, or a temporary folder, as a killed process does.
KILLED = """
import os, pathlib, signal, sys
from keras_vae.files.temporary import temporary_file, temporary_folder
with {call} as path:
    if path.is_dir():
        (path / "large").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_writer(call):
    done = subprocess.run([sys.executable, "-c", KILLED.format(call=call)], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL


def test_files_and_folders_of_users_stay_whatever_their_names(tmp_path):
    for name in OF_USERS:
        (tmp_path / name).write_text("precious")
    (tmp_path / ".partial-backup").mkdir()
    (tmp_path / ".partial-backup" / "a").touch()
    (tmp_path / f".a.keras_vae-{HEX}.tmp").mkdir()
    before = sorted(tmp_path.rglob("*"))
    remove_abandoned(tmp_path)
    write_atomically(tmp_path / "model.keras", lambda path: path.write_text("new")).unlink()
    with partial_folder(tmp_path):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_a_killed_writer_leaves_files_and_folders_that_the_next_one_removes(tmp_path):
    kill_writer(f"temporary_file(pathlib.Path({str(tmp_path / 'a[1].tflite')!r}))")
    kill_writer(f"temporary_folder(pathlib.Path({str(tmp_path)!r}))")
    left = sorted(tmp_path.iterdir())
    assert len(left) == 3
    write_atomically(tmp_path / "b.tflite", lambda path: path.write_text("new")).unlink()
    assert sorted(tmp_path.iterdir()) == left
    write_atomically(tmp_path / "a[1].tflite", lambda path: path.write_text("new")).unlink()
    assert len(list(tmp_path.iterdir())) == 2
    with partial_folder(tmp_path) as folder:
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_what_lives_is_kept_by_every_sweep(tmp_path):
    with temporary_file(tmp_path / "a.npz") as file, partial_folder(tmp_path) as folder:
        remove_abandoned(tmp_path)
        assert file.exists() and folder.exists()


def test_two_threads_that_write_one_file_do_not_meet(tmp_path):
    """The second writer is halfway when the first one ends: readers see whole files only."""
    path = tmp_path / "model.bin"
    started, ended = threading.Event(), threading.Event()

    def slow(temporary):
        temporary.write_bytes(b"half")
        started.set()
        assert ended.wait(10)
        with temporary.open("ab") as file:
            file.write(b" and half")

    thread = threading.Thread(target=write_atomically, args=(path, slow))
    thread.start()
    assert started.wait(10)
    write_atomically(path, lambda temporary: temporary.write_bytes(b"first"))
    assert path.read_bytes() == b"first"
    ended.set()
    thread.join()
    assert path.read_bytes() == b"half and half"


def test_processes_of_the_same_number_do_not_meet(tmp_path, monkeypatch):
    """As in two containers, each of which calls its only process 1."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with temporary_file(tmp_path / "a") as one, temporary_file(tmp_path / "a") as other:
        assert one != other


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path, mode):
    path, during = tmp_path / "a.json", []
    path.write_text("old")
    path.chmod(mode)

    def write(temporary):
        during.append(stat.S_IMODE(temporary.stat().st_mode))
        temporary.write_text("new")

    write_atomically(path, write)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert not during[0] & ~(mode | 0o600)  # Nobody else could read it meanwhile.


def test_permissions_of_a_new_file_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "new", lambda path: path.write_text(""))
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_links_that_were_laid_out_beforehand_are_not_followed(tmp_path, monkeypatch):
    """Somebody who guesses the name gets an error, not the file that the link points to."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / f".a.keras_vae-{HEX}.tmp"
    link.symlink_to(victim)
    monkeypatch.setattr("uuid.uuid4", lambda: type("Guessed", (), {"hex": HEX}))
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "a", lambda path: path.write_text("harm"), machines=True)
    remove_abandoned(tmp_path)
    assert link.is_symlink() and victim.read_text() == "precious"


def test_long_names_are_written_too(tmp_path):
    path = tmp_path / ("n" * 250 + ".json")
    assert write_atomically(path, lambda new: new.write_text("whole")).read_text() == "whole"
