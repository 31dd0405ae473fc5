"""The program that makes the presets of the package, and measures them again, without training."""

import shutil
from pathlib import Path

import pytest

from keras_vae import cli
from keras_vae.presets.contents import read_folder
from keras_vae.presets.places import SHIPPED
from tools.presets import __main__ as program
from tools.presets import making
from tools.presets.entries import ENTRIES


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(program.presets, list(map(str, arguments)))
    return stop.value.code


def test_an_unknown_name_and_a_preset_that_exists_are_refused(tmp_path, capsys):
    assert run("nothing") == 2
    assert "Expected names of vae_digits" in capsys.readouterr().err
    (tmp_path / "vae_digits").mkdir()
    assert run("vae_digits", "--out", tmp_path) == 2
    assert "one that does not exist yet" in capsys.readouterr().err


def test_only_presets_that_are_missing_are_made(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(program.subprocess, "run", lambda words: made.append(words) or done)
    done = type("Done", (), {"returncode": 0})
    first, *others = ENTRIES
    (tmp_path / first).mkdir()
    assert run("--out", tmp_path) == 0
    assert [words[3] for words in made] == others


def test_only_presets_that_exist_are_measured_again(tmp_path, monkeypatch, capsys):
    measured = []
    monkeypatch.setattr(program.subprocess, "run", lambda words: measured.append(words) or done)
    done = type("Done", (), {"returncode": 0})
    first, second, *_ = ENTRIES
    for name in (first, second):
        (tmp_path / name).mkdir()
    assert run("--out", tmp_path, "--measure") == 0
    assert [(words[3], words[-1]) for words in measured] == [
        (name, "--measure") for name in (first, second)
    ]
    assert run(first, "--out", tmp_path, "--measure") == 2
    assert "Expected a preset, a folder" in capsys.readouterr().err


def test_measuring_again_changes_the_texts_alone(tmp_path, monkeypatch):
    old = read_folder(Path(shutil.copytree(SHIPPED / "vae_digits", tmp_path / "vae_digits")))
    metric = {"mse": {"value": 0.5, "unit": "", "meaning": "of this test"}}
    monkeypatch.setattr(making, "measure", lambda model, data: metric)
    new = making.measure_again(old)
    assert new.metrics == metric and "| mse | 0.5 |  | of this test |" in new.card
    same = [name for name in old.config["files"] if name != "README.md"]
    assert {name: new.config["files"][name] for name in same} == {
        name: old.config["files"][name] for name in same
    }
    assert [path.name for path in tmp_path.iterdir()] == ["vae_digits"]


def test_nothing_is_made_if_all_exist(tmp_path, monkeypatch):
    monkeypatch.setattr(program.subprocess, "run", None)
    for name in ENTRIES:
        (tmp_path / name).mkdir()
    assert run("--out", tmp_path) == 0
