"""The writer of OpenVINO files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_vae.base.endpoint import Endpoint
from keras_vae.export import endpoint_files
from keras_vae.export.onnx_files import building
from keras_vae.export.openvino_files import files, representation
from keras_vae.export.openvino_files.files import read_metadata
from keras_vae.export.sealing import NAME
from keras_vae.export.verification.comparison import Differences
from keras_vae.files.folders import partial_folder, publish
from keras_vae.typing import LatentModel
from keras_vae.validation import arguments

__all__ = ["FORM", "read_metadata", "verify", "write_openvino"]

FORM = building.Form(
    quantizations=(None, "float16", "dynamic", "int8"),
    pack=lambda proto, quantize: representation.convert(proto, quantize, NAME),
    open=representation.open_representation,
    size=lambda content: content.size,
)


def write_openvino(
    model: LatentModel,
    path: Path,
    endpoints: Mapping[str, Endpoint],
    quantize: str | None = None,
    calibration: Any = None,
    batch_size: int | None = None,
    min_psnr: float | None = None,
    labels: Sequence[str] | None = None,
) -> Path:
    """Write two files for each endpoint, after comparing their answers in OpenVINO with the model.

    The new folder has a graph and its weights for each endpoint, such as `encode.xml` and
    `encode.bin`. If the converter changed the model, or quantization lost too much, nothing is
    written.

    Args:
        model: The built model.
        path: A new folder.
        endpoints: The endpoints to write, from `choose_endpoints`.
        quantize: As in `write_onnx`, or "float16" for weights in float16.
        calibration: As in `write_litert`.
        batch_size: A fixed batch size; None for any.
        min_psnr: As in `write_litert`.
        labels: Names of the classes of the data, for the metadata.

    Returns:
        `path`.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If an argument is none of the above, calibration data are missing or of the
            wrong shape, or a layer needs an op that ONNX does not have.
        ToleranceError: If a file differs too much from the model.
        RuntimeError: If openvino, or one of the packages for ONNX, is not installed.
    """
    representation.import_openvino()
    contents, abouts = building.build(
        model, endpoints, FORM, quantize, calibration, batch_size, min_psnr, labels
    )
    with partial_folder(path.parent) as folder:
        for name, content in contents.items():
            place = folder / f"{name}{representation.SUFFIX}"
            files.write(place, files.seal(content, abouts[name]))
        return publish(folder, path)


def verify(model: LatentModel, path: str | Path, data: Any = None) -> Differences:
    """Compare existing OpenVINO files with the model that they were exported from.

    Example:
        >>> model.export("vae", format="openvino")
        >>> differences = keras_vae.export.openvino_files.writer.verify(model, "vae", test)

    Args:
        model: The built model.
        path: A folder that `write_openvino` wrote, or an .xml file in it.
        data: Examples, as `calibration` of `write_litert`; None for generated ones.

    Returns:
        `Difference` by endpoint and output.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If one was changed after the export, or has ops that OpenVINO cannot run or
            repeat. Also if the model has not all of their endpoints.
        ToleranceError: If one differs from the model by more than its quantization explains.
    """
    found = files.read(arguments.path("path", path))
    quantize = files.check(found)
    sizes = {file.path.name: file.about["batch_size"] for file in found.values()}
    batch_size = endpoint_files.the_same("batch size", sizes)
    contents = {name: file.content for name, file in found.items()}
    return building.compare(model, contents, quantize, batch_size, data, FORM)
