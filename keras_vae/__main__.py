"""The command `keras-vae`: one program for training, deployment and compression."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from keras_vae import cli

# Words of the command: module, function, one line of help. A module is imported only when it runs.
PROGRAMS = {
    "train": ("keras_vae.training.train", "main", "Train a recipe, or a model of yours."),
    "evaluate": ("keras_vae.training.evaluate", "evaluate", "Measure a trained model."),
    "fit-prior": (
        "keras_vae.training.fit_prior",
        "fit_prior",
        "Fit a prior to its codes, to draw examples.",
    ),
    "predict": ("keras_vae.training.predict", "predict", "Encode or score all rows of a source."),
    "classify": ("keras_vae.training.classify", "classify", "Train classifiers on its codes."),
    "one-class": (
        "keras_vae.training.one_class",
        "one_class",
        "Tell one class of images from all others.",
    ),
    "anomalies": (
        "keras_vae.training.anomalies",
        "anomalies",
        "Find faults in a recording of sensors.",
    ),
    "export saved-model": (
        "keras_vae.export.saved_model.program",
        "export_saved_model",
        "Write a SavedModel for TF Serving.",
    ),
    "export litert": (
        "keras_vae.export.tflite",
        "export_tflite",
        "Write a .tflite file for phones, boards and browsers.",
    ),
    "export onnx": (
        "keras_vae.export.onnx_files.program",
        "export_onnx",
        "Write .onnx files for ONNX Runtime, OpenVINO and browsers.",
    ),
    "export openvino": (
        "keras_vae.export.openvino_files.program",
        "export_openvino",
        "Write .xml and .bin files for OpenVINO.",
    ),
    "export torch": (
        "keras_vae.export.torch_files.program",
        "export_torch",
        "Write .pt2 files for PyTorch.",
    ),
    "verify": ("keras_vae.export.verify", "verify", "Compare exported files with the model."),
    "check": ("keras_vae.export.check", "check", "Say what a model will export to."),
    "serve-config": (
        "keras_vae.export.serving.tf_serving",
        "tf_serving",
        "Write the configuration of TF Serving.",
    ),
    "presets": (
        "keras_vae.presets.program",
        "presets",
        "List the trained models in this package.",
    ),
    "explorer": (
        "keras_vae.export.explorer.__main__",
        "explorer",
        "Build a web page that explores latent codes.",
    ),
    "compress": ("keras_vae.export.compress", "compress", "Compress a folder of images."),
    "decompress": ("keras_vae.export.compress", "decompress", "Restore a compressed folder."),
    "demo": ("keras_vae.export.demo", "demo", "Train, evaluate, export and verify a small model."),
}
EXTRA = "keras-vae[all]"


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run the program that the first words name.

    Args:
        words: The command line without the program's name; that of the process by default.

    Raises:
        SystemExit: Always, with the status of the program.
    """
    words = sys.argv[1:] if words is None else list(words)
    if not words or words[0] in ("-h", "--help"):
        print(_help())
        sys.exit(0 if words else cli.BAD_INPUT)
    if words[0] == "--version":
        from keras_vae import __version__

        print(f"keras-vae {__version__}")
        sys.exit(0)
    name = _program(words)
    module, function, _ = PROGRAMS[name]
    try:
        program = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("keras_vae"):
            raise
        print(_missing(name, error.name), file=sys.stderr)
        sys.exit(cli.BAD_INPUT)
    rest = words[len(name.split()) :]
    if name == "train":
        program(rest)
    cli.main(program, rest, program=f"keras-vae {name}")


def _program(words: Sequence[str]) -> str:
    """Return the program that a command line names; exit with a message if there is none."""
    for count in (2, 1):
        name = " ".join(words[:count])
        if name in PROGRAMS:
            return name
    group = [name for name in PROGRAMS if name.split()[0] == words[0]]
    if group and words[1:2] in ([], ["-h"], ["--help"]):
        print(_help(group))
        sys.exit(0 if words[1:] else cli.BAD_INPUT)
    asked = " ".join(words[:2]) if group else words[0]
    hint = cli.did_you_mean(asked, PROGRAMS)
    print(
        f"Error: Expected one of the programs below. Received: {asked}.{hint}\n\n"
        f"{_help(group or None)}",
        file=sys.stderr,
    )
    sys.exit(cli.BAD_INPUT)


def _help(names: Sequence[str] | None = None) -> str:
    """Return the list of programs."""
    width = max(map(len, PROGRAMS))
    lines = [f"  {name:{width}}  {PROGRAMS[name][2]}" for name in names or PROGRAMS]
    return "\n".join(
        [
            "usage: keras-vae PROGRAM ...",
            "",
            "Train autoencoders with Keras and deploy them to TF Serving, devices and browsers.",
            "",
            *lines,
            "",
            "keras-vae PROGRAM --help explains one of them.",
        ]
    )


def _missing(name: str, package: str | None) -> str:
    return (
        f"Error: Expected the packages that keras-vae {name} needs. Received: no {package}. "
        f'(Run: pip install "{EXTRA}")'
    )


def run() -> NoReturn:
    """Run the command; end quietly if the reader of its output, such as `head`, has ended."""
    try:
        main()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(cli.READER_ENDED)


if __name__ == "__main__":
    run()
