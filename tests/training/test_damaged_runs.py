"""Every file of a run that a program reads: one bit flipped, its end cut off, removed.

Each is refused, or recovered with a message; never is there a wrong answer.
"""

import shutil

import numpy as np
import pytest

from keras_vae.training.runs import pictures, run_directory
from keras_vae.training.train import main
from tests.support import killed

pytestmark = pytest.mark.tensorflow

RUN = ("--limit", "60", "--seed", "5", "--epochs", "2")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return killed.write_recipe(tmp_path_factory.mktemp("recipe"), epochs=2)


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr(pictures, "draw", lambda *arguments: [])


def train(recipe, *words):
    with pytest.raises(SystemExit) as end:
        main([str(recipe), *map(str, words)])
    return end.value.code


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pictures, "draw", lambda *arguments: [])
        assert train(recipe, "--out", out, *RUN) == 0
    return out


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 4
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def remove(path):
    path.unlink()


DAMAGE = (flip, cut, remove)


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_configuration_is_refused(recipe, copy, damage, capsys):
    damage(copy / "config.json")
    with pytest.raises(ValueError, match=r"config\.json"):
        run_directory.open_run(copy)
    assert train(recipe, "--out", copy, "--resume") == 2
    assert "config.json" in capsys.readouterr().err


@pytest.mark.parametrize("place", np.linspace(0, 1, 21))
def test_no_flipped_bit_of_the_configuration_is_taken_for_an_option(whole, tmp_path, place):
    shutil.copy(whole / "config.json", tmp_path)
    flip(tmp_path / "config.json", place)
    with pytest.raises(ValueError, match=r"config\.json"):
        run_directory.read_config(tmp_path / "config.json")


@pytest.mark.parametrize("name", ["best.keras", "model.keras"])
def test_a_damaged_model_is_refused_wherever_the_damage_is(whole, tmp_path, name):
    expected = killed.values(whole / name)
    refused = 0
    for place in (*np.linspace(0, 1, 40), None):
        shutil.copy(whole / name, tmp_path / name)
        cut(tmp_path / name) if place is None else flip(tmp_path / name, place)
        try:
            found = killed.values(tmp_path / name)
        except ValueError as error:
            assert name in str(error)
            refused += 1
        else:  # A bit that means nothing, such as one of a time.
            assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    assert refused > 20


def test_the_last_model_is_not_taken_for_the_best_that_is_gone(copy):
    (copy / "best.keras").unlink()
    with pytest.raises(FileNotFoundError, match=r"Expected .*best\.keras"):
        run_directory.open_run(copy).model()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_run_whose_best_model_is_lost_is_not_continued(recipe, copy, damage, capsys):
    damage(copy / "best.keras")
    assert train(recipe, "--out", copy, "--resume") == 2
    assert "best.keras, the model of epoch" in capsys.readouterr().err


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_last_model_is_written_again_from_the_checkpoint(recipe, whole, copy, damage, capsys):
    damage(copy / "model.keras")
    assert train(recipe, "--out", copy, "--resume") == 0
    assert "model.keras was damaged or gone" in capsys.readouterr().out
    killed.assert_same_runs(copy, whole)


@pytest.mark.parametrize("damage", DAMAGE)
def test_metrics_are_restored_from_the_checkpoint(recipe, whole, copy, damage, capsys):
    damage(copy / "metrics.jsonl")
    assert train(recipe, "--out", copy, "--resume") == 0
    assert (copy / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()
    assert "metrics.jsonl" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_checkpoint_is_replaced_by_the_one_before_and_the_end_is_the_same(
    recipe, whole, copy, damage, capsys
):
    newest = sorted((copy / "checkpoints").glob("*.state"))[-1]
    damage(newest)
    assert train(recipe, "--out", copy, "--resume") == 0
    killed.assert_same_runs(copy, whole)
    said = capsys.readouterr().out
    assert "Resumed after" in said
    assert ("damaged" in said) == (damage is not remove)


def test_without_checkpoints_the_last_epoch_is_taken_with_a_message(recipe, whole, copy, capsys):
    shutil.rmtree(copy / "checkpoints")
    assert train(recipe, "--out", copy, "--resume") == 0
    assert "No checkpoint in" in capsys.readouterr().out
    killed.assert_same_runs(copy, whole)


def test_damaged_checkpoints_alone_are_refused_with_the_way_out(recipe, copy, capsys):
    for path in (copy / "checkpoints").iterdir():
        cut(path)
    assert train(recipe, "--out", copy, "--resume") == 2
    assert "damaged ones only. (Remove the folder" in capsys.readouterr().err
