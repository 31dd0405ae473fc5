"""Command lines whose values no parser takes: the advice next to what it says."""

import sys

import pytest

from keras_vae import cli, options
from keras_vae.training import train_options


def compute(filters: tuple[int, ...] = (8,), image_size: tuple[int, int] | None = None) -> int:
    """Do nothing.

    Args:
        filters: Some numbers.
        image_size: Two numbers.
    """
    return 0


CASES = {
    "commas": (["--filters", "32,64"], "separated by blanks. Received: --filters 32,64. (Write"),
    "after a sign": (["--filters=32,64"], "(Write --filters 32 64.)"),
    "a list": (["--filters", "[32,64]"], "(Write --filters 32 64.)"),
    "a product": (["--image-size", "32x48"], "(Write --image-size 32 48.)"),
    "one side": (["--image-size", "32"], "height and width. Received: 32. (Write --image-size 32"),
}


@pytest.mark.parametrize("words, advice", CASES.values(), ids=CASES)
def test_numbers_that_are_joined_or_missing_are_told_apart(words, advice, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(compute, words)
    said = capsys.readouterr().err
    assert end.value.code == 2 and advice in said and "[bold]" not in said


def test_options_of_a_recipe_have_the_same_advice(capsys):
    with pytest.raises(SystemExit):
        train_options.parse("mine", lambda: None, ["--image-size", "32"])
    assert "Expected --image-size with height and width" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--filters", "a"], ["--nothing", "1,2"], ["--image-size", "a"]])
def test_other_mistakes_get_no_advice_of_numbers(words, capsys):
    with pytest.raises(SystemExit):
        cli.main(compute, words)
    assert "separated by blanks" not in capsys.readouterr().err


def test_what_is_said_reaches_stderr_also_without_advice(capsys):
    with options.explain([]):
        print("a warning", file=sys.stderr)
    assert capsys.readouterr().err == "a warning\n"
