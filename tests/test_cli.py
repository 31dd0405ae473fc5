"""What all programs share: help and bad words at once, errors as messages, exit codes."""

import subprocess
import sys
import time

import pytest

from training import cli

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--list"], 0, "conv_vae_fashion_mnist"),
        (["--help"], 0, "python -m training.train --list"),
        (["conv_vae_digits", "--help"], 0, "--latent-dim"),
        ([], 2, "conv_vae_digits"),
        (["conv_vae_fashion"], 2, "Did you mean 'conv_vae_fashion_mnist'?"),
        (["conv_vae_digits", "--latent-dum", "3"], 2, "--latent-dim"),
        (["conv_vae_digits", "--epochs", "0"], 2, "Expected --epochs of at least 1"),
        (["--epochs", "3"], 2, "Expected a recipe before all options"),
    ],
)
def test_help_and_bad_words_are_answered_at_once_without_tensorflow(words, code, text):
    program = (
        "import sys\nfrom training.train import main\n"
        f"try: main({words!r})\n"
        "finally: assert not {'tensorflow', 'keras'} & sys.modules.keys()\n"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert text in done.stdout + done.stderr
    assert seconds < 5  # 0.3 on an idle machine.


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ValueError("Expected a. Received: b."), 2, "Error: Expected a. Received: b.\n"),
        (OSError(13, "Permission denied", "/x"), 2, "Error: Permission denied: /x\n"),
        (RuntimeError("odd"), 2, "RuntimeError: odd (Set KERAS_VAE_TRACEBACK=1 to see where.)"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_errors_that_users_cause_are_messages(capsys, error, code, said):
    def fail():
        raise error

    assert cli.run(fail) == code
    assert said in capsys.readouterr().err


def test_with_the_variable_set_errors_keep_their_traceback(monkeypatch):
    monkeypatch.setenv("KERAS_VAE_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        cli.run(lambda: 1 // 0)
    with pytest.raises(ValueError, match="b"):
        cli.run(lambda: int("b"))
