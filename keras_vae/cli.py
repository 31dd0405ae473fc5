"""The command line that all programs share: arguments, exit status, user modules, TensorFlow.

A program exits with status

- 0 if all is well,
- 1 if a check failed,
- 2 for bad input, with a message on stderr,
- 70 (EX_SOFTWARE) for a bug, with a traceback on stderr,
- 75 (EX_TEMPFAIL) if the same command goes on from where it stopped, such as after SIGTERM,
- 130 after Ctrl-C, and 143 after SIGTERM if the same command starts anew,
- 141 if the reader of its output, such as `head`, has ended.
"""

import contextlib
import difflib
import functools
import importlib
import importlib.util
import inspect
import os
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from keras_vae import options
from keras_vae.errors import KerasVAEError, UsageError
from keras_vae.files.scripts import run_python_file
from keras_vae.terminal import escaped_output

BAD_INPUT = 2
BUG = 70
TERMINATED = 75  # As keras_vae.callbacks.TERMINATED, whose import takes seconds.
INTERRUPTED = 130
ENDED = 143
READER_ENDED = 141
TRACEBACK = "KERAS_VAE_TRACEBACK"
IMPORT = "--import"
BACKENDS = ("tensorflow", "jax", "torch")
EXPECTED_ERRORS = (KerasVAEError, OSError)
_imported: list[str] = []


def main(
    function: Callable[..., int | None],
    arguments: Sequence[str] | None = None,
    program: str | None = None,
) -> NoReturn:
    """Run a program and end the process with its exit status.

    In addition to their own options, all programs take `--import MODULE`, any number of times.
    It imports the classes of custom models, from a module or from a .py file by its path.

    Example:
        >>> if __name__ == "__main__":
        ...     cli.main(evaluate)

    Args:
        function: The program. Its typed parameters are the command line, and its docstring is the
            help. It returns an exit status, or None for 0, and imports TensorFlow inside.
        arguments: The words of the command line; those of the process by default.
        program: The name of the program in its help; derived from `function` by default.

    Raises:
        SystemExit: Always.
    """
    import tyro

    words, modules = split_imports(sys.argv[1:] if arguments is None else arguments)
    with options.explain(words):
        call = tyro.cli(
            _as_thunk(function),
            args=words,
            prog=program or _program(function),
            description=_description(function),
        )
    sys.exit(run(lambda: after_imports(modules, call)))


def _forget_missing_backend() -> None:
    """Draw without a window if the environment names a backend of Matplotlib by its module.

    A notebook names its own, also to programs of another environment, where its import may fail.
    """
    if os.environ.get("MPLBACKEND", "").startswith("module://"):
        del os.environ["MPLBACKEND"]


def _check_keras_backend() -> None:
    """Raise ValueError for a backend of Keras that there is not, or is not installed."""
    name = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if name not in BACKENDS:
        raise UsageError(
            f"Expected KERAS_BACKEND to be {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}. Received: "
            f"{name}.{did_you_mean(name.lower(), BACKENDS)}"
        )
    if importlib.util.find_spec(name) is None:
        raise UsageError(
            f"Expected the package of KERAS_BACKEND to be installed. Received: {name}, which is "
            f"not. (pip install {name}, or choose another backend.)"
        )


def split_imports(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words of a command line without `--import MODULE`, and the modules.

    All programs begin with it. It also puts the home folder in place of ~.
    """
    _forget_missing_backend()
    others: list[str] = []
    modules: list[str] = []
    left = map(options.expand_home, words)
    for word in left:
        if word == IMPORT:
            modules.append(next(left, ""))
        elif word.startswith(f"{IMPORT}="):
            modules.append(word.partition("=")[2])
        else:
            others.append(word)
    return others, modules


def after_imports(modules: Sequence[str], call: Callable[[], int | None]) -> int | None:
    """Import modules from the current folder or the path of Python, then call a function.

    Words that end in .py are paths of files.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If there is no such module.
    """
    _check_keras_backend()
    if modules:
        prepare_tensorflow()
        sys.path.insert(0, os.getcwd())
    for name in modules:
        try:
            if name.endswith(".py"):
                run_python_file(Path(name))
            else:
                importlib.import_module(name)
            _imported.append(name)
        except (ImportError, ValueError, SyntaxError) as error:
            raise UsageError(
                f"Expected {IMPORT} with the name of a module that Python can import, such as "
                f"mymodel for mymodel.py in this folder. Received: {name!r} ({error})."
            ) from error
    return call()


def next_command(*words: str | os.PathLike[str], imports: Iterable[str] = ()) -> str:
    """Return a command of `keras-vae` to type next, quoted for a shell.

    Args:
        *words: The words after `keras-vae`.
        imports: Modules or files to import, in addition to those of this command.
    """
    modules = dict.fromkeys([*_imported, *imports])
    imported = [word for name in modules for word in (IMPORT, name)]
    return shlex.join(["keras-vae", *map(_as_word, words), *imported])


def _as_word(word: str | os.PathLike[str]) -> str:
    """Return a word of a command line; a path is no option, also if it begins with a dash."""
    text = os.fspath(word)
    is_like_option = isinstance(word, os.PathLike) and text.startswith("-")
    return os.path.join(os.curdir, text) if is_like_option else text


def run(call: Callable[[], int | None], clean_up: bool = True) -> int:
    """Call a function and return its exit status; turn errors into a message and a status.

    An error of `EXPECTED_ERRORS`, or a lack of memory, becomes a message. Any other one is a bug:
    its traceback is printed, and the status is 70. With KERAS_VAE_TRACEBACK=1 in the environment,
    all errors are raised as they are.

    Args:
        call: The function.
        clean_up: Whether SIGTERM ends it as Ctrl-C does, so that temporary files are removed.
    """
    with escaped_output(), _exit_on_sigterm() if clean_up else contextlib.nullcontext():
        if os.environ.get(TRACEBACK):
            return call() or 0
        try:
            return call() or 0
        except BrokenPipeError:  # The reader of the output, such as `head`, has ended.
            raise
        except EXPECTED_ERRORS as error:
            print(f"Error: {_message(error)}", file=sys.stderr)
            return int(getattr(error, "exit_status", BAD_INPUT))
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            if not _is_out_of_memory(error):
                traceback.print_exc()
                return BUG
            print(
                f"Error: Expected enough memory. Received: {str(error)[:300] or 'none left'}. "
                "(Close other programs, read less, or take a machine with more.)",
                file=sys.stderr,
            )
            return BAD_INPUT


@contextlib.contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Exit with status 143 after SIGTERM inside the block, unless a program handles it itself."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # A second one ends it at once.
        raise SystemExit(ENDED)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _is_out_of_memory(error: Exception) -> bool:
    # TensorFlow's own class is known by name, because programs import TensorFlow late.
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def prepare_tensorflow(training: bool = False) -> None:
    """Set the environment of TensorFlow, except for variables that are set, and import it.

    Args:
        training: True to switch on oneDNN, which makes training faster and some decoders slower.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if training:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    quiet = os.environ["TF_CPP_MIN_LOG_LEVEL"] not in ("0", "1")
    from keras_vae.deferred import import_tensorflow
    from keras_vae.quiet import silence_stderr

    # TensorFlow writes to stderr before its own log level applies.
    with silence_stderr() if quiet else contextlib.nullcontext():
        import_tensorflow(light=os.environ["KERAS_BACKEND"] == "tensorflow")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint such as " (Did you mean 'digits'?)", or "" if no name is close."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (Did you mean {near[0]!r}?)" if near else ""


def _as_thunk(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the same signature that only binds the arguments to `function`."""

    @functools.wraps(function)
    def collect(*positional: Any, **named: Any) -> Callable[[], Any]:
        return functools.partial(function, *positional, **named)

    return collect


def _description(function: Callable[..., Any]) -> str:
    """Return the start of the help: the docstring up to the arguments, and `--import`."""
    text = (inspect.getdoc(function) or "").partition("\n\nArgs:")[0]
    shared = (
        f"For custom models: {IMPORT} MODULE, or {IMPORT} FILE.py, any number of times, imports "
        "their classes."
    )
    return "\n\n".join([" ".join(part.split()) for part in text.split("\n\n")] + [shared])


def _program(function: Callable[..., Any]) -> str:
    module = getattr(sys.modules.get(function.__module__), "__spec__", None)
    return f"python -m {module.name}" if module else function.__module__


def _message(error: BaseException) -> str:
    """Return the text of an error; those of the operating system have no sentence of ours."""
    if not (isinstance(error, OSError) and error.strerror):
        return str(error) or type(error).__name__
    if not error.filename:
        return error.strerror
    advice = {
        FileNotFoundError: "Check its name and its folder.",
        PermissionError: "Change its permissions, or give another path.",
        IsADirectoryError: "Give a file.",
        NotADirectoryError: "Give a folder.",
    }.get(type(error), "Give another path.")
    return (
        f"Expected a file or a folder that can be used. Received: {error.filename} "
        f"({error.strerror}). ({advice})"
    )
