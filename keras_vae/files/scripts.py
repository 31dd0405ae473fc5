"""Python files by their path, such as recipes of users."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from keras_vae.errors import UsageError


def run_python_file(path: Path) -> ModuleType:
    """Run a .py file and return its module; the files next to it can be imported.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If Python cannot read it.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected the path of a .py file that exists. Received: {path} (relative paths "
            f"start at {Path.cwd()})."
        )
    name = f"recipe_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # As Python does for a script.
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise UsageError(
            f"Expected a file that Python can read. Received: {error.filename or path}, with "
            f"{error.msg} in line {error.lineno}."
        ) from error
    return module
