"""Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747) from Debian's package or from TFDS."""

from dataclasses import replace
from pathlib import Path

from keras_vae.training.data.sources.base import Data
from keras_vae.training.data.sources.idx import read_idx_folder
from keras_vae.training.data.sources.tfds import read_tfds

# The folder of Debian's package dataset-fashion-mnist.
FASHION_MNIST_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FASHION_MNIST_LABELS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def read_fashion_mnist(
    image_size: tuple[int, int] | None = None,
    limit: int | None = None,
    data_dir: Path | None = None,
) -> Data:
    """Read 60,000 training and 10,000 test images of 28x28x1, with labels.

    Args:
        image_size: The (height, width) to stretch images of TFDS to.
        limit: Read only the first `limit` images of each part, if they come from TFDS.
        data_dir: The folder in which TFDS keeps its data.

    Returns:
        The images, from Debian's package if it is installed and there is no `data_dir`, otherwise
        from TFDS.

    Raises:
        FileNotFoundError: If neither has them.
    """
    if data_dir is None and FASHION_MNIST_FOLDER.is_dir():
        data = read_idx_folder(FASHION_MNIST_FOLDER)
        return replace(data, name="fashion_mnist", label_names=FASHION_MNIST_LABELS)
    try:
        return read_tfds("fashion_mnist", image_size, limit, data_dir)
    except (FileNotFoundError, ImportError) as error:
        raise FileNotFoundError(
            f"Expected Fashion-MNIST in {FASHION_MNIST_FOLDER} or from TensorFlow Datasets. "
            f"Received: {error}. (Install Debian's package dataset-fashion-mnist, or use digits.)"
        ) from error
