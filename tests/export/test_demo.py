"""The demo: its commands in order, the end at the first that fails, and where the files go."""

import subprocess
import sys
from pathlib import Path

import pytest

from keras_vae import __main__ as program
from keras_vae.export import demo


@pytest.fixture
def commands(monkeypatch, tmp_path):
    """Run no command: note its words, and fail where `failing` says so."""
    noted = []

    def run(command):
        words = command[3:]
        assert command[:3] == [sys.executable, "-m", "keras_vae"]
        noted.append(words)
        if words[0] == "train":
            Path(words[words.index("--out") + 1], "pictures").mkdir(parents=True)
        return subprocess.CompletedProcess(command, 7 * (words[0] == failing.get("words")))

    failing = {}
    monkeypatch.setattr(demo.subprocess, "run", run)
    monkeypatch.setattr(demo, "RUNS", tmp_path)
    return noted, failing


def test_a_model_is_trained_evaluated_exported_and_verified(commands, tmp_path, capsys):
    noted, _ = commands
    assert demo.demo("vae_digits", epochs=2) == 0
    run = str(tmp_path / "demo-1")
    assert [words[0] for words in noted] == ["train", "evaluate", *["export"] * 3, "verify"]
    assert noted[0] == ["train", "vae_digits", "--out", run, "--epochs", "2"]
    written = {noted[3][3], noted[4][3], f"{noted[2][3]}/vae/1"}
    assert written <= set(noted[5]) and noted[5][-6:-4] == ["--against", run]
    for words in noted:
        assert {" ".join(words[:1]), " ".join(words[:2])} & set(program.PROGRAMS)
    shown = capsys.readouterr().out
    assert shown.count("\n$ keras-vae ") == 6 and f"All of it is in {run}" in shown
    assert demo.demo() == 0
    recipe, folder = noted[6][1], noted[6][3]
    assert recipe in ("conv_vae_fashion_mnist", "conv_vae_digits")
    assert folder == str(tmp_path / "demo-2") and "--epochs" not in noted[6]


def test_the_first_command_that_fails_ends_the_demo_with_its_status(commands, tmp_path):
    noted, failing = commands
    failing["words"] = "evaluate"
    assert demo.demo("vae_digits", tmp_path / "mine") == 7
    assert [words[0] for words in noted] == ["train", "evaluate"]


def test_a_folder_that_is_there_is_refused_before_any_command(commands, tmp_path):
    noted, _ = commands
    with pytest.raises((ValueError, OSError), match="Expected"):
        demo.demo("vae_digits", tmp_path)
    assert noted == []
