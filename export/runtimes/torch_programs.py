"""The runtime that reads .pt2 files."""

from pathlib import Path

import numpy as np

from keras_vae.export.runtimes.base import Arrays, Opened, Runtime


class TorchRuntime(Runtime):
    """PyTorch on the CPU, without Keras."""

    name, title, reads, packages = "torch", "PyTorch", ("torch",), ("torch",)

    def open(self, path: Path) -> Opened:
        """Load the files of an export."""
        import torch

        from keras_vae.export.torch_files import conversion, files

        found = files.read(path)
        runs = {name: conversion.open_program(file.content) for name, file in found.items()}
        batches = {name: file.about["batch_size"] for name, file in found.items()}

        def run(signature: str, inputs: Arrays) -> dict[str, np.ndarray]:
            return runs[signature](inputs)

        size = sum(len(file.content) for file in found.values())
        return Opened(torch.__version__, batches, run, size)
