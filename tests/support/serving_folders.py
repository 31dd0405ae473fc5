"""Folders of models for TF Serving, and the program that configures the server there."""

import functools
from pathlib import Path

import pytest
from google.protobuf import text_format

from keras_vae import cli
from keras_vae.export.serving import tf_serving
from tests.support import serving

FILES = ("models.config", "monitoring.config", "compose.yaml", "kubernetes.yaml")


@functools.cache
def exported() -> Path:
    """An exported model with one signature."""
    return serving.model("ConvVAE").export(serving.folder() / "exported", endpoints=("decode",))


def fill(folder: Path) -> Path:
    """Put two models there, one with two versions."""
    for version in ("vae/1", "vae/2", "other/7"):
        (folder / version).parent.mkdir(exist_ok=True)
        (folder / version).symlink_to(exported())
    return folder


def program(*arguments) -> int:
    """The exit status of `keras-vae serve-config` with these arguments."""
    with pytest.raises(SystemExit) as stop:
        cli.main(tf_serving.tf_serving, list(map(str, arguments)))
    return stop.value.code


def server_config(text: str):
    """The message that the server reads from `models.config`."""
    pb2 = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2",
        reason="pip install --no-deps tensorflow-serving-api",
    )
    return text_format.Parse(text, pb2.ModelServerConfig())
