"""Control characters from files are shown on the terminal, not obeyed."""

import io
import pickle
import sys

import pytest

from keras_vae import cli
from keras_vae.errors import UnavailableError, UsageError
from keras_vae.terminal import escape, escaped_output

# Sets the title, clears the screen, asks for an answer, conceals, is a C1 control, reverses text.
HARM = ("\x1b]0;title\x07", "\x1b[2J", "\x1b[6n", "\x1b[8m", "\x9b2J", "\u202etxt.exe")


@pytest.mark.parametrize("text", HARM)
def test_errors_and_what_programs_print_are_escaped(text, capsys):
    def fail():
        print("out", text)
        print("error", text, file=sys.stderr)
        raise UsageError(f"Expected a. Received: {text}.")

    assert cli.run(fail) == 2
    out, error = capsys.readouterr()
    assert out == f"out {escape(text)}\n"
    assert error == f"error {escape(text)}\nError: Expected a. Received: {escape(text)}.\n"
    assert not any(char in out + error for char in "\x1b\x07\x9b\u202e")


def test_what_the_system_and_a_bug_say_is_escaped_too(capsys):
    for error in (FileNotFoundError(2, "No such file", "\x1b[2J.npy"), KeyError("\x1b[2J")):

        def fail(error=error):
            raise error

        cli.run(fail)
        assert "\x1b" not in capsys.readouterr().err


def test_errors_of_the_library_are_escaped_and_are_otherwise_as_they_were():
    error = UnavailableError("Expected a.\n\tReceived: é \x1b[2J\r.")
    assert str(error) == "Expected a.\n\tReceived: é \\x1b[2J\\x0d."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(UsageError()) == ""


def test_colors_and_progress_bars_stay(capsys):
    """Keras writes these."""
    bar = "\r\x1b[1m3/9\x1b[0m \x1b[32m━━\x1b[0m\x1b[37m━\x1b[0m\b\b\tend\n"
    with escaped_output():
        sys.stdout.write(bar)
        sys.stdout.writelines(["a", "\x1b[2J"])
        assert not sys.stdout.isatty()
    assert capsys.readouterr().out == bar + "a\\x1b[2J"


def test_letters_that_a_terminal_does_not_have_are_written_as_codes(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert cli.run(lambda: print("files of \u00e4")) == 0
    stream.flush()
    assert stream.buffer.getvalue() == b"files of \\xe4\n"
