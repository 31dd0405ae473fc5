"""The program that makes the presets of the package, before any training."""

import pytest

from keras_vae import cli
from tools.presets import __main__ as program
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


def test_nothing_is_made_if_all_exist(tmp_path, monkeypatch):
    monkeypatch.setattr(program.subprocess, "run", None)
    for name in ENTRIES:
        (tmp_path / name).mkdir()
    assert run("--out", tmp_path) == 0
