"""The commands of docs/reliability.md that sign and verify a version of a model, as they are."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keras_vae.export.verification import integrity

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
pytestmark = [
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl"),
]


def commands():
    """The two blocks of the page: one makes keys and signs, one verifies."""
    marked = PAGE.read_text().split("<!-- tests/export/test_signatures.py runs these two. -->")[1]
    return re.findall(r"```bash\n(.*?)```", marked, re.DOTALL)[:2]


def run(text, folder):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-ec", text],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )


def seal(version):
    """Writes the card that the exporter would write for these files."""
    card = integrity.add_own_hash({"sha256": integrity.hashes(version)})
    (version / integrity.FILE).write_text(json.dumps(card))


@pytest.fixture
def signed(tmp_path):
    """A folder with a signed version of a model, and the version."""
    version = tmp_path / "models" / "vae" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(b"graph")
    seal(version)
    result = run(commands()[0], tmp_path)
    assert result.returncode == 0, result.stderr
    return tmp_path, version


def verify(folder):
    return run(commands()[1], folder)


def test_a_signed_version_is_verified_and_stays_as_it_was(signed):
    folder, version = signed
    assert verify(folder).returncode == 0
    integrity.read(version)


def change(version):
    (version / "saved_model.pb").write_bytes(b"other")
    seal(version)


def add(version):
    (version / "saved_model.pb.bak").write_text("")
    seal(version)


def remove(version):
    (version / "saved_model.pb").unlink()
    seal(version)


@pytest.mark.parametrize("attack", [change, add, remove], ids=lambda attack: attack.__name__)
def test_a_signature_refuses_what_a_new_card_hides(signed, attack):
    folder, version = signed
    attack(version)
    integrity.read(version)
    assert verify(folder).returncode == 1


def test_a_file_that_git_knows_is_part_of_a_signature(signed):
    folder, version = signed
    (version / ".gitattributes").write_text("")
    assert verify(folder).returncode == 1


def test_another_key_is_refused(signed):
    folder, _ = signed
    keys = commands()[0].splitlines()[:2]
    assert run("\n".join(keys), folder).returncode == 0
    assert verify(folder).returncode == 1
