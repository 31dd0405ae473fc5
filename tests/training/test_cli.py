"""What all programs share: help and bad words at once, errors as messages, exit status."""

import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from keras_vae import cli
from keras_vae.errors import UsageError
from keras_vae.files.folders import partial_folder

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--list"], 0, "conv_vae_fashion_mnist"),
        (["--help"], 0, "keras-vae train --list"),
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
        (UsageError("Expected a. Received: b."), 2, "Error: Expected a. Received: b.\n"),
        (
            OSError(13, "Permission denied", "/x"),
            2,
            "Error: Expected a file or a folder that can be used. Received: /x (Permission denied)."
            " (Change its permissions, or give another path.)\n",
        ),
        (FileNotFoundError("Expected a file."), 2, "Error: Expected a file.\n"),
        (OSError(), 2, "Error: OSError\n"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_errors_that_users_cause_are_messages(capsys, error, code, said):
    def fail():
        raise error

    assert cli.run(fail) == code
    assert said in capsys.readouterr().err


def test_a_lack_of_memory_is_a_message(capsys):
    class ResourceExhaustedError(Exception):
        """As TensorFlow's."""

    for error in (MemoryError(), ResourceExhaustedError("OOM when allocating")):

        def fail(error=error):
            raise error

        assert cli.run(fail) == 2
        said = capsys.readouterr().err
        assert said.startswith("Error: Expected enough memory. Received: ") and "Close" in said


def test_sigterm_lets_temporary_files_be_removed(tmp_path):
    """A second one is that of the system, and the handler is that from before at the end."""

    def work():
        with tempfile.TemporaryDirectory(dir=tmp_path), partial_folder(tmp_path):
            assert len(list(tmp_path.iterdir())) == 3
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # Libraries may have set another.
    try:
        with pytest.raises(SystemExit) as end:
            cli.run(work)
        assert end.value.code == 143
        assert list(tmp_path.iterdir()) == []
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_program_that_handles_sigterm_itself_is_left_to_it(monkeypatch):
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *arguments: seen.append(1))
    try:
        assert cli.run(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [1]


class Refusal(UsageError):
    exit_status = 7


def test_an_error_of_this_package_has_an_exit_status_of_its_own(capsys):
    def fail():
        raise Refusal("Expected a.")

    assert cli.run(fail) == 7
    assert capsys.readouterr().err == "Error: Expected a.\n"


@pytest.mark.parametrize(
    "error", [ValueError("odd"), TypeError("odd"), RuntimeError("odd"), KeyError("odd")]
)
def test_any_other_error_is_a_bug_with_a_traceback_and_status_70(capsys, error):
    def fail():
        raise error

    assert cli.run(fail) == cli.BUG == 70
    said = capsys.readouterr().err
    assert said.startswith("Traceback") and "in fail" in said and type(error).__name__ in said


def test_with_the_variable_set_errors_keep_their_traceback(monkeypatch):
    monkeypatch.setenv("KERAS_VAE_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        cli.run(lambda: 1 // 0)
    with pytest.raises(ValueError, match="b"):
        cli.run(lambda: int("b"))


def test_the_backend_of_matplotlib_of_a_notebook_is_forgotten(monkeypatch):
    """It names its own to all programs, also to those of another environment."""
    for name in ("no_such_package.inline", "json.tool"):
        monkeypatch.setenv("MPLBACKEND", f"module://{name}")
        assert cli.split_imports(["a"]) == (["a"], [])
        assert "MPLBACKEND" not in os.environ
    monkeypatch.setenv("MPLBACKEND", "TkAgg")
    with pytest.raises(SystemExit):
        cli.main(lambda: None, [])
    assert os.environ["MPLBACKEND"] == "TkAgg"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Tensorflow", "to be tensorflow, jax or torch. Received: Tensorflow. (Did you mean"),
        ("torch", "Received: torch, which is not. (pip install torch"),
    ],
)
def test_a_backend_that_there_is_not_is_named(monkeypatch, capsys, name, told):
    monkeypatch.setenv("KERAS_BACKEND", name)
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda package: None)
    assert cli.run(lambda: cli.after_imports([], lambda: 0)) == cli.BAD_INPUT
    assert told in capsys.readouterr().err


def test_the_home_folder_is_known_after_a_sign_too(monkeypatch):
    monkeypatch.setenv("HOME", "/home/of-me")
    words = ["--out=~/run", "--import=~/m.py", "~/x.npy", "--name=a~b", "~", "a=~/b", "--x=y=~/z"]
    others, modules = cli.split_imports(words)
    assert others == [
        *("--out=/home/of-me/run", "/home/of-me/x.npy", "--name=a~b", "/home/of-me", "a=~/b"),
        "--x=y=/home/of-me/z",
    ]
    assert modules == ["/home/of-me/m.py"]
