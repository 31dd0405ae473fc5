"""What all programs share: arguments from signatures, exit codes, the environment of TensorFlow.

Exit codes: 0 good, 1 a check failed, 2 bad input (the message is on stderr), 130 interrupted,
75 (EX_TEMPFAIL) a training that was asked to end, has written a checkpoint and can be resumed.
"""

import contextlib
import difflib
import functools
import importlib
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

BAD_INPUT = 2
INTERRUPTED = 130
TERMINATED = 75  # As keras_vae.callbacks.TERMINATED, which is not imported for its price.
TRACEBACK = "KERAS_VAE_TRACEBACK"
IMPORT = "--import"
_imported: list[str] = []
EXPECTED_ERRORS = (ValueError, TypeError, OSError, RuntimeError, ImportError)


def main(
    function: Callable[..., int | None],
    arguments: Sequence[str] | None = None,
    program: str | None = None,
) -> NoReturn:
    """Run a program and leave the process with its exit code.

    All programs take `--import MODULE`, as often as needed, beside their own options: for models
    whose classes are the user's.

    Example:
        >>> if __name__ == "__main__":
        ...     cli.main(evaluate)

    Args:
        function: Its typed parameters are the command line, its docstring is the help; it returns
            an exit code or None for 0, and imports TensorFlow inside.
        arguments: Those of the process by default.
        program: What the help calls the program; found out by default.

    Raises:
        SystemExit: Always.
    """
    import tyro

    words = sys.argv[1:] if arguments is None else list(arguments)
    words, modules = split_imports(words)
    call = tyro.cli(
        _as_thunk(function),
        args=words,
        prog=program or _program(function),
        description=_description(function),
    )
    sys.exit(run(lambda: after_imports(modules, call)))


def split_imports(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of a command line without `--import MODULE`, and the modules."""
    others: list[str] = []
    modules: list[str] = []
    left = iter(words)
    for word in left:
        if word == IMPORT:
            modules.append(next(left, ""))
        elif word.startswith(f"{IMPORT}="):
            modules.append(word.partition("=")[2])
        else:
            others.append(word)
    return others, modules


def after_imports(modules: Sequence[str], call: Callable[[], int | None]) -> int | None:
    """Import modules, from where the program was started or from where Python looks; then call.

    Raises:
        ValueError: If there is no such module.
    """
    if modules:
        prepare_tensorflow()
        sys.path.insert(0, os.getcwd())
    for name in modules:
        try:
            importlib.import_module(name)
            _imported.append(name)
        except (ImportError, ValueError) as error:
            raise ValueError(
                f"Expected {IMPORT} with the name of a module that Python can import, such as "
                f"mymodel for mymodel.py in this folder. Received: {name!r} ({error})."
            ) from error
    return call()


def with_imports(command: str) -> str:
    """A command to type next, with the modules that this one was given."""
    return " ".join([command, *(f"{IMPORT} {name}" for name in dict.fromkeys(_imported))])


def run(call: Callable[[], int | None]) -> int:
    """Call, and turn the errors that a user can cause into a message and an exit code.

    With KERAS_VAE_TRACEBACK=1 in the environment they stay as they are.
    """
    if os.environ.get(TRACEBACK):
        return call() or 0
    try:
        return call() or 0
    except EXPECTED_ERRORS as error:
        print(f"Error: {_text(error)}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED


def prepare_tensorflow(training: bool = False) -> None:
    """Import TensorFlow with what must be set before; what the user has set stays.

    Args:
        training: Switch on oneDNN, which makes training faster and some decoders slower.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if training:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    quiet = os.environ["TF_CPP_MIN_LOG_LEVEL"] not in ("0", "1")
    with _held_back_stderr() if quiet else contextlib.nullcontext():
        import tensorflow  # noqa: F401


@contextlib.contextmanager
def _held_back_stderr() -> Iterator[None]:
    """Drop what C++ writes to stderr inside, unless there is an error.

    TensorFlow greets on stderr before its own log level applies.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint such as " (Did you mean 'digits'?)", empty when nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (Did you mean {near[0]!r}?)" if near else ""


def _as_thunk(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with its signature and help, but a call only collects the arguments."""

    @functools.wraps(function)
    def collect(*positional: Any, **named: Any) -> Callable[[], Any]:
        return functools.partial(function, *positional, **named)

    return collect


def _description(function: Callable[..., Any]) -> str:
    """What the help says first: the docstring up to the arguments, and the option of all."""
    text = (inspect.getdoc(function) or "").partition("\n\nArgs:")[0]
    own = f"For models of your own: {IMPORT} MODULE, as often as needed, imports their classes."
    return "\n\n".join([" ".join(part.split()) for part in text.split("\n\n")] + [own])


def _program(function: Callable[..., Any]) -> str:
    module = getattr(sys.modules.get(function.__module__), "__spec__", None)
    return f"python -m {module.name}" if module else function.__module__


def _text(error: Exception) -> str:
    """The message; where it is none of ours, with its type and how to see the place."""
    message = str(error)
    if message.startswith("Expected"):
        return message
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{type(error).__name__}: {message} (Set {TRACEBACK}=1 to see where.)"
