"""Log lines of the packages for ONNX, kept off the screen without a trace in the user's process."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

from keras_vae.quiet import OneForAllThreads

VERBOSITY = "TF_CPP_MIN_LOG_LEVEL"


def import_tf2onnx() -> Any:
    """Return the module tf2onnx, whose import sets the verbosity of TensorFlow in all programs."""
    before = os.environ.get(VERBOSITY)
    import tf2onnx

    if before is None:
        os.environ.pop(VERBOSITY, None)
    else:
        os.environ[VERBOSITY] = before
    return tf2onnx


def silence_tf2onnx() -> OneForAllThreads:
    """Discard the log of tf2onnx inside the block."""
    return _TF2ONNX


@contextlib.contextmanager
def silence_root() -> Iterator[None]:
    """Discard what this thread logs with the functions of `logging` inside the block.

    So does the quantization of ONNX Runtime. Without a handler, these functions would add one that
    stays.
    """
    root, thread = logging.getLogger(), threading.get_ident()
    handler = logging.NullHandler()

    def is_of_another(record: logging.LogRecord) -> bool:
        return record.thread != thread

    root.addHandler(handler)
    root.addFilter(is_of_another)
    try:
        yield
    finally:
        root.removeFilter(is_of_another)
        root.removeHandler(handler)


@contextlib.contextmanager
def _critical() -> Iterator[None]:
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


_TF2ONNX = OneForAllThreads(_critical)
