"""No program takes an option that has no effect, or works before it checks its outputs."""

import functools
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from keras_vae import cli, options
from keras_vae.training.runs import run_directory
from tests.support import serving
from tests.support.bad_input import Bad, check_text, every, touched
from tests.training.test_bad_programs import (
    CHECK,
    COMPRESS,
    DECOMPRESS,
    EVALUATE,
    EXPLORER,
    PREDICT,
    SAVED_MODEL,
    TF_SERVING,
    TFLITE,
    VERIFY,
    on,
    pictures_of,
    run_of,
    training,
)

pytestmark = pytest.mark.tensorflow


def rows_of(folder):
    np.save(folder / "x.npy", serving.images(4))
    return str(folder / "x.npy")


def serve_config(folder, **given):
    touched(folder / "vae" / "1" / "saved_model.pb")
    return functools.partial(TF_SERVING(), folder, **given)


def verify(folder, *names, **given):
    paths = tuple(touched(folder / name) for name in names)
    return functools.partial(VERIFY(), paths, run_of(folder), **given)


def libraries(folder):
    from keras_vae.export.runtimes.c_api import LIBRARIES

    return [touched(folder / "lib" / name).parent for name in LIBRARIES][0]


def page(folder):
    (folder / "page").mkdir()
    return folder / "page"


def taken_port(folder):
    import socket

    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]

    def call():
        with taken:
            EXPLORER()(run_of(folder), out=folder / "p", data="digits", serve=True, port=port)

    run_of(folder)
    return call


def under_a_file(folder):
    return touched(folder / "file") / "new"


DATA_DIR = "fashion_mnist, notmnist, stream:tfds:NAME, tfds:NAME with a data_dir...D for "
IGNORED = {
    "predict --data-dir of a file": Bad(on(PREDICT, rows_of, "out", data_dir="D"), DATA_DIR),
    "predict --data-dir of a folder": Bad(
        on(PREDICT, lambda f: str(pictures_of(8, 8)(f)), "out", data_dir="D"), DATA_DIR
    ),
    "predict --data-dir of digits": Bad(
        lambda f: functools.partial(PREDICT(), run_of(f), "digits", f / "out", data_dir="D"),
        f"{DATA_DIR}digits",
    ),
    "predict --stretch of codes": Bad(
        on(PREDICT, rows_of, "out", output="decode", stretch=True), "--stretch only with...images"
    ),
    "train --data-dir of digits": Bad(training("vae_digits", "--data-dir", "D"), f"{DATA_DIR}dig"),
    "train --stride of cut series": Bad(
        lambda f: (
            np.savez(f / "s.npz", **{n: np.zeros((3, 4, 1)) for n in ("train", "test")}),
            training("lstm_mnist1d", "--data", "series:FOLDER/s.npz", "--stride", "2")(f),
        )[1],
        "no window and no stride...2",
    ),
    "train --worker-timeout alone": Bad(
        training("vae_digits", "--worker-timeout", "9"),
        "--worker-timeout only with --strategy multiworker...--worker-timeout 9",
    ),
    "train --checkpoint-steps of workers": Bad(
        training("vae_digits", "--checkpoint-steps", "9", "--strategy", "multiworker"),
        "--checkpoint-steps only with one process...9",
    ),
    "train --checkpoint-minutes of workers": Bad(
        training("vae_digits", "--checkpoint-minutes", "9", "--strategy", "multiworker"),
        "--checkpoint-minutes only with one process...9",
    ),
    "evaluate --features alone": Bad(
        on(EVALUATE, data="digits", features="hog"), "--features only with --distances...hog"
    ),
    "evaluate --sampler alone": Bad(
        on(EVALUATE, data="digits", sampler=4), "--sampler only with --distances...4"
    ),
    "serve-config --max-batch-size alone": Bad(
        functools.partial(serve_config, max_batch_size=64),
        "--max-batch-size only with --batching...64",
    ),
    "explorer --port alone": Bad(
        on(EXPLORER, out=None, data="digits", port=8000), "--port only with --serve...8000"
    ),
    "explorer --points of a page that exists": Bad(
        lambda f: functools.partial(EXPLORER(), run_of(f), out=page(f), serve=True, points=9),
        "--points only with a new page...9",
    ),
    "explorer --data of a page that exists": Bad(
        lambda f: functools.partial(EXPLORER(), run_of(f), out=page(f), serve=True, data="digits"),
        "--data only with a new page...digits",
    ),
    "check --image-shape of a model": Bad(
        on(CHECK, image_shape=(8, 8, 1)), "--image-shape only with a recipe...(8, 8, 1)"
    ),
    "verify --examples of generated inputs": Bad(
        lambda f: verify(f, "x.tflite", examples=7), "--examples only with...7"
    ),
    "verify --libtensorflow without a SavedModel": Bad(
        lambda f: verify(f, "x.tflite", libtensorflow=(libraries(f),)),
        "--libtensorflow only with a SavedModel",
    ),
}
NEEDLESS_WORK = {
    "compress into a missing folder": Bad(
        on(COMPRESS, pictures_of(8, 8), "absent/b", step=0.5),
        "FILE in a folder that exists...absent",
        FileNotFoundError,
    ),
    "compress below a file": Bad(
        on(COMPRESS, pictures_of(8, 8), under_a_file, step=0.5),
        "a folder...the file",
        NotADirectoryError,
    ),
    "decompress below a file": Bad(
        on(DECOMPRESS, lambda f: touched(f / "x.kvae"), under_a_file),
        "a folder...the file",
        NotADirectoryError,
    ),
    "export litert below a file": Bad(
        on(TFLITE, under_a_file), "a folder...the file", NotADirectoryError
    ),
    "export litert of another suffix": Bad(on(TFLITE, "x.onnx"), "a file such as vae.tflite"),
    "export saved-model below a file": Bad(
        on(SAVED_MODEL, under_a_file), "a folder...the file", NotADirectoryError
    ),
    "export saved-model in place of a file": Bad(
        on(SAVED_MODEL, lambda f: touched(f / "s" / "vae").parent, name="vae"),
        "a folder...the file",
        NotADirectoryError,
    ),
    "explorer below a file": Bad(
        lambda f: functools.partial(EXPLORER(), run_of(f), out=under_a_file(f), data="digits"),
        "a folder...the file",
        NotADirectoryError,
    ),
    "explorer in place of a folder": Bad(
        lambda f: functools.partial(EXPLORER(), run_of(f), out=page(f), data="digits"),
        "does not exist yet...page",
        FileExistsError,
    ),
    "explorer of no points": Bad(
        lambda f: functools.partial(EXPLORER(), run_of(f), out=f / "p", data="digits", points=0),
        "--points of at least 1...0",
    ),
    "explorer at no port": Bad(
        lambda f: functools.partial(
            EXPLORER(), run_of(f), out=f / "p", data="digits", serve=True, port=99999
        ),
        "--port from 0 to 65535...99999",
    ),
    "explorer at a port that is taken": Bad(taken_port, "a free port...--port", OSError),
    "predict below a file": Bad(
        on(PREDICT, rows_of, under_a_file), "a folder...the file", NotADirectoryError
    ),
    "train below a file": Bad(
        training("vae_digits", "--out", "FOLDER/file/new"), "a folder...the file", OSError
    ),
    "verify --json below a file": Bad(
        lambda f: verify(f, "x.tflite", json=under_a_file(f)),
        "a file in a folder that exists",
        OSError,
    ),
}


@every(IGNORED)
def test_an_option_that_would_have_no_effect_is_refused(case, tmp_path):
    case.check(tmp_path)


@every(NEEDLESS_WORK)
def test_outputs_are_checked_before_a_model_or_data_are_read(case, tmp_path, monkeypatch):
    touched(tmp_path / "file")
    for name in ("model", "data"):
        monkeypatch.setattr(run_directory.Run, name, lambda *_, **__: pytest.fail("work"))
    monkeypatch.setattr(cli, "prepare_tensorflow", lambda **_: pytest.fail("work"))
    case.check(tmp_path)


def test_a_runtime_that_runs_no_artifact_is_refused():
    from keras_vae.export.verify import check_runnable

    files = [SimpleNamespace(path="x.tflite", kind="tflite")]
    with pytest.raises(ValueError) as error:
        check_runnable(files, ["litert"], ["keras", "litert", "python"])
    check_text(str(error.value), "runtimes that run an artifact...python")


@pytest.mark.parametrize("unset", [None, False, ()])
def test_options_that_are_left_out_need_nothing(unset):
    options.only_with("--other", False, name=unset)
    options.only_with("--other", True, name=1)
    with pytest.raises(ValueError, match="Expected --a-b only with --other. Received: --a-b 0"):
        options.only_with("--other", unset, other=unset, a_b=0)


@pytest.mark.parametrize("value", [0, -1])
def test_numbers_below_the_smallest_are_named(value):
    options.at_least(1, a=None, b=1)
    with pytest.raises(ValueError, match=f"Expected --a-b of at least 1. Received: {value}."):
        options.at_least(1, a=2, a_b=value)


def test_numbers_that_no_step_counts_are_named():
    options.at_least(1, a_b=2**31 - 1)
    with pytest.raises(ValueError, match="Expected --a-b of at most 2147483647. Received: 10"):
        options.at_least(1, a_b=10**23)


def test_commands_to_type_next_are_words_of_a_shell(monkeypatch):
    monkeypatch.setattr(cli, "_imported", ["my model.py"])
    assert " x --out ./-x " in cli.next_command("train", "x", "--out", Path("-x"))
    command = cli.next_command("evaluate", Path("it's mine") / "a b")
    assert shlex.split(command) == [
        *("keras-vae", "evaluate", "it's mine/a b", "--import", "my model.py")
    ]
