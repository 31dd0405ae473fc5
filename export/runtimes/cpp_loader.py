"""A SavedModel in TensorFlow's C++ loader, which TF Serving links.

TensorFlow's Python loads some files that the C++ loader, and so the server, does not. One is the
file that `tf.saved_model.save` writes for a Keras 3 model. This module calls the shared libraries
of the installed wheel and never imports TensorFlow's Python, so it answers as a server would. As a
program it runs every signature in a file of inputs:

    python -m keras_vae.export.runtimes.cpp_loader serving/vae/1 --inputs inputs.npz --outputs
    outputs.npz

Arrays in both files are named "signature/tensor". Text tensors are NumPy byte strings. Without the
two files it lists the signatures.
"""

import argparse
import contextlib
import ctypes
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from ctypes import c_char_p, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UnavailableError
from keras_vae.export.runtimes import arrays, c_api
from keras_vae.export.serving.signatures import check_folder, check_inputs, parse_signatures
from keras_vae.export.serving.wire import field
from keras_vae.export.verification import graph_ops, integrity
from keras_vae.files import outputs
from keras_vae.terminal import escape


class SavedModel:
    """A SavedModel, loaded and run by TensorFlow's C++ code.

    Example:
        >>> with SavedModel("serving/vae/1") as model:
        ...     images = model.run("decode", {"z": np.zeros((4, 16), "float32")})

    Args:
        folder: The folder that holds saved_model.pb, a version folder of TF Serving.
        libraries: Folder of TensorFlow's shared libraries, by default that of the installed wheel.
            Use those of an older wheel to test whether an older server takes the file.
        threads: Threads for one op and for independent ops; 0 for one per core.

    Attributes:
        signatures: Signatures by name.
        version: TensorFlow's version.

    Raises:
        FileNotFoundError: If there is no SavedModel, or TensorFlow is not installed.
        ValueError: If its model_card.json says that a file was changed, added or removed, or its
            graph has ops that do more than compute.
        RuntimeError: If TensorFlow does not load it.
    """

    def __init__(
        self, folder: str | Path, libraries: str | Path | None = None, threads: int = 0
    ) -> None:
        folder = check_folder(folder)
        integrity.check(folder)
        graph_ops.refuse_impure(folder)
        self._api = c_api.load(c_api.libraries_folder() if libraries is None else Path(libraries))
        self.version = self._api.TF_Version().decode()
        self._idle, self._running = threading.Condition(), 0
        self._graph = self._api.TF_NewGraph()
        self._session: int | None
        self._session, meta_graph = self._load(str(folder), threads)
        self.signatures = parse_signatures(meta_graph)

    def run(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the outputs of `signature` by name; text becomes arrays of bytes objects.

        Any number of threads may run a model at the same time.

        Raises:
            ValueError: If there is no such signature, or the inputs are not those it takes.
            RuntimeError: If TensorFlow refuses to run it, or the model is closed.
        """
        checked = check_inputs(self.signatures, signature, inputs)
        infos = self.signatures[signature]
        tensors = [c_api.new_tensor(self._api, array) for array in checked.values()]
        results = (c_void_p * len(infos.outputs))()
        try:
            with (
                self._open_session() as session,
                c_api.Status(self._api, f"run {signature!r}") as status,
            ):
                self._api.TF_SessionRun(
                    *(session, None),
                    *(self._outputs([infos.inputs[name].tensor for name in checked])),
                    *((c_void_p * len(tensors))(*tensors), len(tensors)),
                    *(self._outputs([info.tensor for info in infos.outputs.values()])),
                    *(results, len(results), None, 0, None, status),
                )
            values = [c_api.to_array(self._api, result) for result in results if result]
            return dict(zip(infos.outputs, values, strict=True))
        finally:
            for tensor in filter(None, (*tensors, *results)):
                self._api.TF_DeleteTensor(tensor)

    def close(self) -> None:
        """Free the memory of the model, which cannot run afterwards.

        It waits for calls of `run` in other threads to end.
        """
        with self._idle:
            session, self._session = self._session, None  # No new call begins.
            self._idle.wait_for(lambda: self._running == 0)
        if session is not None:
            with c_api.Status(self._api, "close the session") as status:
                self._api.TF_CloseSession(session, status)
                self._api.TF_DeleteSession(session, status)
            self._api.TF_DeleteGraph(self._graph)

    @contextlib.contextmanager
    def _open_session(self) -> Iterator[int]:
        """Yield the session, which `close` leaves open for as long as the block runs."""
        with self._idle:
            if self._session is None:
                raise UnavailableError("Expected an open SavedModel. Received: one that is closed.")
            session, self._running = self._session, self._running + 1
        try:
            yield session
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def __enter__(self) -> "SavedModel":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _load(self, folder: str, threads: int) -> tuple[int | None, bytes]:
        """Return the session, and the MetaGraphDef that describes its signatures."""
        api = self._api
        options, buffer = api.TF_NewSessionOptions(), api.TF_NewBuffer()
        config = field(2, threads) + field(5, threads)  # Of ConfigProto.
        try:
            with c_api.Status(api, f"load {folder}") as status:
                api.TF_SetConfig(options, config, len(config), status)
                session = api.TF_LoadSessionFromSavedModel(
                    *(options, None, folder.encode(), (c_char_p * 1)(b"serve"), 1),
                    *(self._graph, buffer, status),
                )
            return session, ctypes.string_at(buffer.contents.data, buffer.contents.length)
        finally:
            api.TF_DeleteSessionOptions(options)
            api.TF_DeleteBuffer(buffer)

    def _outputs(self, tensors: list[str]) -> tuple[Any]:
        """Return the TF_Outputs of tensors named "operation:index"."""
        return ((c_api.Output * len(tensors))(*map(self._output, tensors)),)

    def _output(self, tensor: str) -> c_api.Output:
        operation, _, index = tensor.rpartition(":")
        pointer = self._api.TF_GraphOperationByName(self._graph, operation.encode())
        if pointer is None:
            raise UnavailableError(
                f"Expected the operation {operation!r} in the graph, as the signature says. "
                "Received: a graph without it. (Export the model again.)"
            )
        return c_api.Output(pointer, int(index))


def run_file(folder: Path, inputs: Path, outputs: Path, libraries: Path | None = None) -> str:
    """Run each signature in `inputs`, write `outputs`, and return the version of TensorFlow."""
    requests = arrays.read(inputs)
    with SavedModel(folder, libraries) as model:
        arrays.write(
            outputs, {name: model.run(name, request) for name, request in requests.items()}
        )
    return model.version


def main(arguments: list[str] | None = None) -> int:
    """Run the program; it returns 2 if the model or a signature cannot be loaded or run."""
    # argparse, because tyro would double the time and memory of this program.
    parser = argparse.ArgumentParser(
        prog="python -m keras_vae.export.runtimes.cpp_loader",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="version folder, with saved_model.pb")
    parser.add_argument("--inputs", type=Path, help=".npz file of what to run")
    parser.add_argument("--outputs", type=Path, help=".npz file to write")
    parser.add_argument("--libraries", type=Path, help="folder of libtensorflow_cc.so.2")
    parser.add_argument("--report", type=Path, help="JSON file for the loader or the error")
    options = parser.parse_args(arguments)
    if (options.inputs is None) != (options.outputs is None):
        parser.error("Expected --inputs and --outputs together. Received: one of them.")
    try:
        outputs.check_apart((options.outputs, options.report), (options.inputs,))
        for path in filter(None, (options.outputs, options.report)):
            outputs.check_file(path)
    except (OSError, ValueError) as error:
        print(f"Error: {escape(str(error))}", file=sys.stderr)
        return 2
    try:
        text, report = _run(options)
        print(escape(text))
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        report = {"error": str(error)}
        print(f"Error: {escape(str(error))}", file=sys.stderr)
    if options.report is not None:
        options.report.write_text(json.dumps(report))
    return 2 if "error" in report else 0


def _run(options: argparse.Namespace) -> tuple[str, dict[str, str]]:
    """Do what the options ask for; return a text for people and the entries of the report."""
    if options.inputs is not None:
        version = run_file(options.folder, options.inputs, options.outputs, options.libraries)
        loader = f"TensorFlow {version} (C++)"
        return f"{loader} ran {options.folder}. Saved {options.outputs}", {"loader": loader}
    with SavedModel(options.folder, options.libraries) as model:
        lines = [f"{name}{signature}" for name, signature in model.signatures.items()]
        return "\n".join(lines), {"loader": f"TensorFlow {model.version} (C++)"}


if __name__ == "__main__":
    sys.exit(main())
