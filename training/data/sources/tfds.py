"""Image data sets from TensorFlow Datasets (TFDS)."""

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_vae.errors import UsageError
from keras_vae.training.data.resizing import resize
from keras_vae.training.data.sources.base import SIZE_TO_STRETCH_TO, Data, hold_out

# TFDS waits without limit for a server and tries eleven times, which is hours behind a firewall.
NETWORK_SECONDS = 20.0
NETWORK_RETRIES = 1
PLAIN_NAME = re.compile(r"[^:]+(:[\d.*]+)?(/[^:]*)?")
FEATURES = "tensorflow_datasets.core.features."


def tfds_names() -> tuple[str, ...]:
    """Return the names that TFDS knows; none if TFDS is not installed."""
    try:
        import tensorflow_datasets as tfds
    except ImportError:
        return ()
    return tuple(tfds.list_builders(with_community_datasets=False))


def read_tfds(
    name: str,
    image_size: tuple[int, int] | None = None,
    limit: int | None = None,
    data_dir: Path | None = None,
) -> Data:
    """Read a TFDS data set; prepare it first if needed, which may download it.

    Test images are the split `test`, or `validation`, or every tenth image of `train`, in this
    order of preference. The images are the feature `image` or the only image feature. The labels,
    if any, are the feature `label` or the only class feature.

    Args:
        name: The name in TFDS, for example `mnist` or `mnist_corrupted/fog`.
        image_size: The (height, width) to stretch images to; needed if they differ in size.
        limit: Read only the first `limit` images of each part.
        data_dir: The folder in which TFDS keeps its data, ~/tensorflow_datasets by default.

    Returns:
        The images, in the order of the files.

    Raises:
        FileNotFoundError: If it is not prepared and cannot be downloaded.
        ImportError: If TFDS is not installed.
        ValueError: If TFDS does not know it, or it holds no images of bytes.
    """
    builder, splits = splits_of(name, data_dir)
    image, label = features_of(builder)
    if limit is not None and len(splits) == 1:
        limit *= 2  # so that `limit` training images remain after every tenth is held out
    parts = [_read_split(builder, split, image, label, image_size, limit) for split in splits]
    if len(parts) == 1:
        images, labels = parts[0]
        parts = [(images[part], labels[part]) for part in hold_out(len(images))]
    (train, train_labels), (test, test_labels) = parts
    if label is None:
        return Data(builder.name, train, test)
    names = tuple(builder.info.features[label].names)
    return Data(builder.name, train, test, train_labels, test_labels, names)


def splits_of(name: str, data_dir: Path | None) -> tuple[Any, list[str]]:
    """Return the builder of a prepared data set, and its split to train on and to test on, if any.

    Raises:
        As `read_tfds`.
    """
    builder = _prepare(name, data_dir)
    splits = [split for split in ("train", "test", "validation") if split in builder.info.splits]
    if splits[:1] != ["train"]:
        raise UsageError(
            f"Expected a split named train in {name}. Received: {sorted(builder.info.splits)}"
        )
    return builder, splits[:2]


def _prepare(name: str, data_dir: Path | None) -> Any:
    """Return the builder of a data set, after preparing it on this machine."""
    import tensorflow_datasets as tfds

    if not PLAIN_NAME.fullmatch(name):
        raise UsageError(
            f"Expected a data set of TensorFlow Datasets itself. Received: {name!r}, of a "
            "namespace, whose code would be fetched and run. (Prepare it in a program of yours, "
            "and leave the namespace out.)"
        )
    try:
        with _import_no_features():
            builder = tfds.builder(name, data_dir=data_dir, try_gcs=False)
    except tfds.core.DatasetNotFoundError as error:
        raise UsageError(
            f"Expected a data set that TensorFlow Datasets knows. Received: {name!r} (see "
            f"tensorflow.org/datasets/catalog; data_dir was {data_dir})"
        ) from error
    if not builder.is_prepared():
        print(
            f"{name} is not on this machine yet: TensorFlow Datasets now downloads it into "
            f"{builder.data_dir}.",
            file=sys.stderr,
        )
        _download(builder)
    return builder


def _download(builder: Any) -> None:
    try:
        with _limit_network_waits(), contextlib.redirect_stdout(sys.stderr):
            builder.download_and_prepare()
    # Each data set has its own code, which may raise any exception.
    except Exception as error:
        raise FileNotFoundError(
            f"Expected {builder.name} in {builder.data_dir}, or a network to download it from. "
            f"Received: {type(error).__name__}: {error} (download it where there is a network and "
            "copy that folder, or use other data: digits, or a folder of pictures)"
        ) from error


@contextlib.contextmanager
def _import_no_features() -> Iterator[None]:
    """Read files that are prepared without importing modules that they name.

    The features.json of a data set names the module of each feature, and TFDS imports any module.
    The features of TFDS, and those that the program has imported itself, are known.
    """
    from tensorflow_datasets.core.features import feature

    connector: Any = feature.FeatureConnector
    original = connector.__dict__["cls_from_name"]

    def known(cls: Any, name: str) -> Any:
        if name not in cls._registered_features and not name.startswith(FEATURES):
            raise UsageError(
                f"Expected features of TensorFlow Datasets in its features.json. Received: "
                f"{name!r}, of another module, which is not imported. (If you trust it, import "
                "that module first; programs take --import MODULE.)"
            )
        return original.__func__(cls, name)

    try:
        connector.cls_from_name = classmethod(known)
        yield
    finally:
        connector.cls_from_name = original


@contextlib.contextmanager
def _limit_network_waits() -> Iterator[None]:
    """Give every request of TFDS a time limit, and NETWORK_RETRIES more tries."""
    import requests
    from tensorflow_datasets.core.download import downloader

    session: Any = requests.Session
    original, retries = session.request, downloader.MAX_RETRIES

    def request(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **{"timeout": NETWORK_SECONDS, **kwargs})

    try:
        session.request, downloader.MAX_RETRIES = request, NETWORK_RETRIES
        yield
    finally:
        session.request, downloader.MAX_RETRIES = original, retries


def features_of(builder: Any) -> tuple[str, str | None]:
    """Return the names of the image feature and of the class feature, if any.

    Raises:
        ValueError: If there is no image feature of bytes, or more than one.
    """
    import tensorflow_datasets as tfds

    features = dict(builder.info.features or {})
    image = _only(features, tfds.features.Image, "image")
    if image is None or np.dtype(features[image].np_dtype) != np.uint8:
        raise UsageError(
            f"Expected a data set with one image feature of bytes. Received: {builder.name} with "
            f"{features}"
        )
    return image, _only(features, tfds.features.ClassLabel, "label")


def _only(features: dict[str, Any], kind: type, usual: str) -> str | None:
    found = [name for name, feature in features.items() if isinstance(feature, kind)]
    if usual in found:
        return usual
    return found[0] if len(found) == 1 else None


def _read_split(
    builder: Any,
    split: str,
    image: str,
    label: str | None,
    size: tuple[int, int] | None,
    limit: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Read the images and labels (zeros where there are none) of one split."""
    images, labels = [], []
    wanted = {name: True for name in (image, label) if name}
    for example in _examples(builder, split, wanted, limit):
        images.append(example[image] if size is None else resize(example[image], size))
        labels.append(example[label] if label else 0)
    return _stack(images, f"{builder.name}, split {split}"), np.array(labels, np.int64)


def _examples(
    builder: Any, split: str, features: dict[str, bool], limit: int | None
) -> Iterable[dict[str, Any]]:
    """Return the named features of the examples, in the order of the files."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    if builder.info.file_format is tfds.core.FileFormat.ARRAY_RECORD:
        source = builder.as_data_source(split=split)
        return (source[number] for number in range(min(len(source), limit or len(source))))
    options = tf.data.Options()
    options.autotune.enabled = False
    examples = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(features),
        read_config=tfds.ReadConfig(options=options, try_autocache=False),
    )
    return tfds.as_numpy(examples.take(-1 if limit is None else limit))


def _stack(images: list[np.ndarray], where: str) -> np.ndarray:
    shapes = sorted({image.shape for image in images})
    if len(shapes) != 1:
        raise UsageError(
            f"Expected images of one size, or {SIZE_TO_STRETCH_TO}. Received: "
            f"{f'shapes from {shapes[0]} to {shapes[-1]}' if shapes else 'no image'} in {where}"
        )
    return np.stack(images)
