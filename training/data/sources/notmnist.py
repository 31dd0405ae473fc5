"""notMNIST (Bulatov 2011) as a data set of TensorFlow Datasets, from the original archives."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

LARGE, SMALL = "notMNIST_large.tar.gz", "notMNIST_small.tar.gz"
LETTERS = "ABCDEFGHIJ"
SIZE = 28


class Notmnist(tfds.core.GeneratorBasedBuilder):
    """Letters A to J of many fonts, 28x28x1: 529,114 to train and 18,724 to test.

    If only the small archive is there, it is the split `train`. A few files in the archives are
    not images; they are left out.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS: ClassVar[str] = f"Put {SMALL}, and {LARGE} if you have it, there."

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(SIZE, SIZE, 1)),
                    "label": tfds.features.ClassLabel(names=list(LETTERS)),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        folder = Path(dl_manager.manual_dir)
        large, small = folder / LARGE, folder / SMALL
        if not small.is_file():
            raise FileNotFoundError(
                f"Expected the archive {SMALL}, and {LARGE} if you have it, in {folder}. Received: "
                "neither (yaroslavvb.com/upload/notMNIST is where they were published)"
            )
        parts = {"train": large, "test": small} if large.is_file() else {"train": small}
        return {
            name: self._generate_examples(dl_manager.iter_archive(path))
            for name, path in parts.items()
        }

    def _generate_examples(self, archive: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, file in archive:
            path = Path(name)
            if path.suffix == ".png" and path.parent.name in LETTERS:
                image = _picture(file.read(), name)
                if image is not None:
                    label = path.parent.name
                    yield f"{label}/{path.name}", {"image": image, "label": label}


def _picture(content: bytes, name: str) -> np.ndarray | None:
    from keras_vae.errors import UsageError
    from keras_vae.training.data.image_files import decode_image

    try:
        image = decode_image(io.BytesIO(content), Path(name))
    except UsageError:
        return None
    return image if image.shape == (SIZE, SIZE, 1) else None
