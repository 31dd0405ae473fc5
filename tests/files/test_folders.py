"""A folder that is polled holds whole versions only, whenever the exporter is killed."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keras_vae.export.saved_model import model_card
from keras_vae.files.folders import partial_folder, publish, replacing
from tests.support import serving

# Writes versions for ever; sums.txt is the last file of each.
WRITER = """
import hashlib, os, pathlib, sys
from keras_vae.files import folders
base = pathlib.Path(sys.argv[1])
while True:
    number = 1 + max((int(p.name) for p in base.glob("[0-9]*")), default=0)
    with folders.partial_folder(base) as folder:
        (folder / "variables").mkdir()
        sums = []
        for index in range(5):
            content = os.urandom(200_000)
            (folder / "variables" / str(index)).write_bytes(content)
            sums.append(hashlib.sha256(content).hexdigest())
        (folder / "sums.txt").write_text(" ".join(sums))
        folders.publish(folder, base / str(number))
"""


def is_whole(version: Path) -> bool:
    sums = (version / "sums.txt").read_text().split()
    contents = [(version / "variables" / str(index)).read_bytes() for index in range(5)]
    return sums == [hashlib.sha256(content).hexdigest() for content in contents]


def visible(base: Path) -> set[str]:
    return {path.name for path in base.iterdir() if not path.name.startswith(".")}


def test_a_killed_exporter_leaves_whole_versions_only(tmp_path):
    generator = random.Random(0)
    left_behind = 0
    for _ in range(8):
        before = visible(tmp_path) if tmp_path.exists() else set()
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        process = subprocess.Popen(command, cwd=serving.ROOT)
        try:
            deadline = time.monotonic() + 30
            while visible(tmp_path) == before and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(generator.uniform(0, 0.03))
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert visible(tmp_path) > before
        assert all(name.isdecimal() and is_whole(tmp_path / name) for name in visible(tmp_path))
        left_behind += len(list(tmp_path.glob(".partial-*")))
    assert left_behind, "no kill hit an export that was under way"
    with partial_folder(tmp_path) as folder:
        assert list(tmp_path.glob(".partial-*")) == [folder]


@pytest.mark.long
@pytest.mark.tensorflow
def test_the_program_killed_while_it_exports_leaves_no_part_of_a_version(tmp_path):
    """Killed as soon as its last file but one is there, which a whole version may follow."""
    moment = "assets.extra/tf_serving_warmup_requests"
    model = serving.model("ConvVAE")
    model.steps.assign(1)
    model.save(tmp_path / "vae.keras")
    base = tmp_path / "served" / "vae"
    command = [
        sys.executable,
        "-m",
        "keras_vae.export.saved_model.program",
        "vae.keras",
        "served",
        "--name",
        "vae",
    ]
    environment = {**serving.ENVIRONMENT, "PYTHONPATH": str(serving.ROOT)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not list(base.glob(f".partial-*/{moment}")) and process.poll() is None:
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL or visible(base) == {"1"}
    assert visible(base) == set() or model_card.read(base / "1")


def test_a_folder_that_is_being_filled_is_not_removed_by_another_exporter(tmp_path):
    with partial_folder(tmp_path) as first:
        (first / "a").touch()
        with partial_folder(tmp_path) as second:
            assert (first / "a").exists()
            assert second != first
        assert not second.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_removed_when_filling_it_fails(tmp_path):
    with pytest.raises(OSError, match="full"), partial_folder(tmp_path) as folder:
        (folder / "a").touch()
        raise OSError("the disk is full")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    for taken in ("file", "empty", "filled"):
        (tmp_path / taken).mkdir() if taken != "file" else (tmp_path / taken).touch()
    (tmp_path / "filled" / "a").touch()
    for taken in ("file", "empty", "filled"):
        with partial_folder(tmp_path) as folder:
            with pytest.raises(FileExistsError, match="Expected a path that does not exist yet"):
                publish(folder, tmp_path / taken)
    assert (tmp_path / "filled" / "a").exists()


def test_permissions_are_those_of_any_new_folder(tmp_path):
    (tmp_path / "plain").mkdir()
    with partial_folder(tmp_path) as folder:
        publish(folder, tmp_path / "new")
    assert os.stat(tmp_path / "new").st_mode == os.stat(tmp_path / "plain").st_mode


@pytest.mark.parametrize("moment", ["before", "between", "after"])
def test_of_two_that_replace_a_folder_at_once_one_is_whole_and_nothing_is_left(tmp_path, moment):
    """The other one comes while this one fills its folder, or has moved the old one away."""
    path = tmp_path / "vae"
    path.mkdir()
    (path / "a").write_text("old")

    def put(text):
        with replacing(path) as new:
            new.mkdir()
            (new / "a").write_text(text)

    first = replacing(path)
    new = first.__enter__()
    new.mkdir()
    (new / "a").write_text("first")
    if moment == "before":
        put("second")
    elif moment == "between":
        path.rename(tmp_path / "moved by the other one")
    first.__exit__(None, None, None)
    if moment == "after":
        put("second")
    assert (path / "a").read_text() == ("second" if moment == "after" else "first")
    left = {one.name for one in tmp_path.iterdir()} - {"moved by the other one"}
    assert left == {"vae"}


def test_a_folder_that_another_one_has_replaced_first_is_left_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "vae"
    path.mkdir()
    (path / "a").write_text("old")
    rename = Path.rename

    def rename_and_let_another_one_in(self, target):
        rename(self, target)
        if self == path:
            path.mkdir()
            (path / "a").write_text("another")

    with pytest.raises(FileExistsError, match="Expected a path that does not exist"):
        with replacing(path) as new:
            new.mkdir()
            (new / "a").write_text("mine")
            monkeypatch.setattr(Path, "rename", rename_and_let_another_one_in)
    assert (path / "a").read_text() == "another"
    assert [one.name for one in tmp_path.iterdir()] == ["vae"]
