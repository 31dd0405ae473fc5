"""Programs refuse bad input before they change a file; the table of programs.

They run inside this process, as functions: what a program makes of an error is `keras_vae.cli`'s.
"""

import functools
import sys

import pytest

import keras_vae as kv
from tests.support import serving
from tests.support.bad_input import Bad, every, touched
from tests.support.image_files import picture, save
from tests.support.models import FAST, dense

MISSING, EXISTS = FileNotFoundError, FileExistsError
pytestmark = pytest.mark.tensorflow


@functools.cache
def trained():
    """The bytes of a small VAE that took a step, of 8x8 images."""
    model = serving.KINDS["ConvVAE"]()
    model.compile("sgd", **FAST)
    model.fit(serving.images(4), verbose=0)
    path = serving.folder() / "bad-programs.keras"
    model.save(path)
    return path.read_bytes()


def run_of(folder, name="vae.keras"):
    (folder / name).write_bytes(trained())
    return str(folder / name)


def detector_of(folder):
    kv.AnomalyDetector(kv.Autoencoder(*dense(), seed=1)).save(folder / "detector.keras")
    return str(folder / "detector.keras")


def on(program, *arguments, **options):
    """A call of a program on a whole model; `arguments` are names in the folder, or are made."""

    def prepare(folder):
        function, run = program(), run_of(folder)
        words = [one(folder) if callable(one) else folder / one for one in arguments]
        return lambda: function(run, *words, **options)

    return prepare


def without_run(program, name, *arguments, **options):
    """The same on a path that is no run."""

    def prepare(folder):
        run = name(folder) if callable(name) else str(folder / name)
        words = [folder / one for one in arguments]
        return lambda: program()(run, *words, **options)

    return prepare


def lazily(module, name):
    return lambda: getattr(__import__(module, fromlist=[name]), name)


SAVED_MODEL = lazily("keras_vae.export.saved_model.program", "export_saved_model")
TFLITE = lazily("export.tflite", "export_tflite")
EXPLORER = lazily("export.explorer.__main__", "explorer")
COMPRESS = lazily("export.compress", "compress")
DECOMPRESS = lazily("export.compress", "decompress")
CHECK = lazily("export.check", "check")
EVALUATE = lazily("training.evaluate", "evaluate")
PREDICT = lazily("training.predict", "predict")
TRAIN = lazily("training.train", "command")
TF_SERVING = lazily("keras_vae.export.serving.tf_serving", "tf_serving")
VERIFY = lazily("export.verify", "verify")
CLASSIFY = lazily("training.classify", "classify")


def text_file(folder):
    return str(touched(folder / "text.keras", b"no model"))


def empty_folder(folder):
    (folder / "empty").mkdir()
    return str(folder / "empty")


def pictures_of(*shape):
    def prepare(folder):
        save(folder / "pictures" / "0.png", picture(0, shape))
        return folder / "pictures"

    return prepare


def training(*words):
    return lambda folder: lambda: TRAIN()([w.replace("FOLDER", str(folder)) for w in words])


RUNS = {
    "keras_vae.export.saved_model.program": without_run(SAVED_MODEL, "absent.keras", "served"),
    "export.tflite": without_run(TFLITE, "absent.keras", "x.tflite"),
    "export.compress": without_run(COMPRESS, "absent.keras", "a", "b"),
    "training.evaluate": without_run(EVALUATE, "absent.keras", data="digits"),
    "training.predict": without_run(PREDICT, "absent.keras", "x.npy", "out"),
    "training.classify": without_run(CLASSIFY, "absent.keras"),
}
TEXTS = {
    "keras_vae.export.saved_model.program": without_run(SAVED_MODEL, text_file, "served"),
    "export.tflite": without_run(TFLITE, text_file, "x.tflite"),
    "training.predict": without_run(PREDICT, text_file, "x.npy", "out"),
    "export.check": without_run(CHECK, text_file),
}
PROGRAMS = {
    **{f"{n} without a run": Bad(c, "...absent.keras...", MISSING) for n, c in RUNS.items()},
    **{
        f"{n} of a text": Bad(c, "a model that Keras can load...text.keras")
        for n, c in TEXTS.items()
    },
    "keras_vae.export.saved_model.program of a folder": Bad(
        without_run(SAVED_MODEL, empty_folder, "served"), "config.json...empty"
    ),
    "keras_vae.export.saved_model.program of a detector": Bad(
        without_run(SAVED_MODEL, detector_of, "served"), "Autoencoder...AnomalyDetector...export("
    ),
    "export.tflite of a detector": Bad(
        without_run(TFLITE, detector_of, "x.tflite"), "Autoencoder...AnomalyDetector...export("
    ),
    "an unknown endpoint": Bad(
        on(SAVED_MODEL, "served", endpoints=("draw",)), "endpoints among...'draw'"
    ),
    "a name for no model": Bad(on(SAVED_MODEL, "served", name="a b"), "name of letters...'a b'"),
    "an empty name": Bad(on(SAVED_MODEL, "served", name=""), "name of letters...''"),
    "a version of 0": Bad(on(SAVED_MODEL, "served", version=0), "a version from 1...0"),
    "a negative version": Bad(on(SAVED_MODEL, "served", version=-3), "a version from 1...-3"),
    "a version that is there": Bad(
        on(SAVED_MODEL, lambda f: touched(f / "s/vae/2/x").parents[2], version=2),
        "a new version of vae...2",
        EXISTS,
    ),
    "a file as the folder of models": Bad(
        on(SAVED_MODEL, lambda f: touched(f / "served")), "a folder...the file"
    ),
    "a version as the folder of models": Bad(
        on(SAVED_MODEL, "served/vae/1"), "the folder that holds models...is a version"
    ),
    "a .tflite file that is there": Bad(
        on(TFLITE, lambda f: touched(f / "x.tflite")), "a new file...x.tflite", EXISTS
    ),
    "a .tflite file of an unknown endpoint": Bad(
        on(TFLITE, "x.tflite", endpoints=("draw",)), "endpoints among...'draw'"
    ),
    "an explorer without a place": Bad(on(EXPLORER), "--out for a lone model...vae.keras"),
    "an explorer without data": Bad(
        without_run(EXPLORER, run_of, "page"), "the name of a data set...(Give --data NAME.)"
    ),
    "int8 inputs of a float file": Bad(
        on(TFLITE, "x.tflite", io="int8"), "--io only with --quantize int8...int8"
    ),
    "rows that are none": Bad(
        on(TFLITE, "x.tflite", batch_size=0), "--batch-size of at least 1...0"
    ),
    "int8 without data": Bad(on(TFLITE, "x.tflite", quantize="int8"), "--data NAME"),
    "calibration on absent data": Bad(
        on(TFLITE, "x.tflite", data="no_such_data"), "...no_such_data"
    ),
    "a target of codes that is there": Bad(
        on(COMPRESS, "a", lambda f: touched(f / "b")), "a new FILE...b", EXISTS
    ),
    "no pictures to compress": Bad(on(COMPRESS, "absent", "b"), "a FOLDER of images...", MISSING),
    "pictures of another size": Bad(
        on(COMPRESS, pictures_of(9, 8), "b", step=0.1), "8x8x1...9x8x1...0.png...--stretch"
    ),
    "codes of a text file": Bad(on(DECOMPRESS, lambda f: touched(f / "x.codes"), "b"), "..."),
    "no step for real codes": Bad(
        on(COMPRESS, pictures_of(8, 8), "b"), "--step above 0...none...--step 0.5"
    ),
    "evaluation without data": Bad(on(EVALUATE), "a run directory, which knows its data"),
    "evaluation of no images": Bad(
        on(EVALUATE, data="digits", limit=0), "--limit of at least 1...0"
    ),
    "evaluation in no batches": Bad(
        on(EVALUATE, data="digits", batch_size=0), "--batch-size of at least 1...0"
    ),
    "evaluation of an unknown protocol": Bad(
        on(EVALUATE, data="digits", protocol="strict"), "a protocol of...'strict'"
    ),
    "prediction of no rows at once": Bad(
        on(PREDICT, "x.npy", "out", batch_size=0), "--batch-size of at least 1...0"
    ),
    "prediction into a file": Bad(
        on(PREDICT, "x.npy", lambda f: touched(f / "out")),
        "a folder...the file...out",
        NotADirectoryError,
    ),
    "checking no rows": Bad(on(CHECK, batch_size=0), "--batch-size of at least 1...0"),
    "verifying nothing": Bad(
        lambda f: functools.partial(VERIFY(), (), run_of(f)), "an artifact...none"
    ),
    "verifying what is not there": Bad(
        lambda f: functools.partial(VERIFY(), (f / "absent",), run_of(f)),
        "an artifact...absent",
        MISSING,
    ),
    "verifying in an unknown runtime": Bad(
        lambda f: functools.partial(
            VERIFY(), (touched(f / "x.tflite"),), run_of(f), runtimes=("cuda",)
        ),
        "runtimes among...cuda",
    ),
    "verifying a text": Bad(
        lambda f: functools.partial(VERIFY(), (touched(f / "x.tflite"),), run_of(f)), "...x.tflite"
    ),
    "serving a folder that is not there": Bad(
        lambda f: functools.partial(TF_SERVING(), f / "absent"),
        "a folder of models...absent",
        MISSING,
    ),
    "serving an empty folder": Bad(
        lambda f: functools.partial(TF_SERVING(), f),
        "models in...none...keras-vae export saved-model",
        MISSING,
    ),
    "a recipe that is not there": Bad(
        training("no_such_recipe"), "the name of a recipe...'no_such"
    ),
    "a recipe file that is not there": Bad(
        training("FOLDER/absent.py"), "a .py file that exists...absent.py", MISSING
    ),
    "options before the recipe": Bad(
        training("--epochs", "1"), "a recipe before all options...--epochs"
    ),
    "a recipe after the list": Bad(training("--list", "vae_digits"), "--list alone...'vae_digits'"),
    "data without a name": Bad(
        training("vae_digits", "--data", "", "--out", "FOLDER/run"), "the name or the path...''"
    ),
    "no epochs": Bad(training("vae_digits", "--epochs", "0"), "--epochs of at least 1...0"),
    "a negative seed": Bad(training("vae_digits", "--seed", "-1"), "--seed from 0...-1"),
    "resuming nothing": Bad(training("vae_digits", "--resume"), "--out RUN...no --out"),
    "resuming what is not there": Bad(
        training("vae_digits", "--out", "FOLDER/absent", "--resume"),
        "a run directory...absent",
        MISSING,
    ),
    "checkpoints every 0 minutes": Bad(
        training("vae_digits", "--checkpoint-minutes", "0"), "--checkpoint-minutes above 0...0"
    ),
}


@every(PROGRAMS)
def test_programs_refuse_bad_input_and_change_no_file(case, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    case.check(tmp_path)
