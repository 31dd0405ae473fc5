"""The formats of exported files and their suffixes. Imports no Keras."""

from pathlib import Path

from keras_vae.errors import UsageError

# The suffix of each format; a SavedModel and the files of OpenVINO are a folder.
SUFFIXES = {
    "tf_saved_model": None,
    "litert": ".tflite",
    "onnx": ".onnx",
    "openvino": None,
    "torch": ".pt2",
}
# Quantizations of activations too, which need calibration.
CALIBRATED = ("int8", "int16x8")
# Examples of names of the formats that are folders.
FOLDERS = {"tf_saved_model": "served/vae/1", "openvino": "vae-openvino"}
ADVICE = {
    ".keras": "A .keras file is written by model.save.",
    ".xml": "format='openvino' writes a folder with an .xml and a .bin file for each endpoint.",
}
# Suffixes of other formats of models, of archives and of text.
OTHER_SUFFIXES = (
    *(
        ".ort",
        ".keras",
        ".h5",
        ".hdf5",
        ".pb",
        ".pbtxt",
        ".ckpt",
        ".index",
        ".tf",
        ".lite",
    ),
    *(".pt", ".pth", ".pte", ".safetensors", ".gguf", ".bin", ".npz", ".npy", ".pkl"),
    *(".pickle", ".joblib", ".mlmodel", ".mlpackage", ".mlmodelc", ".engine", ".plan", ".trt"),
    *(".xml", ".json", ".yaml", ".zip", ".tar", ".gz", ".tgz", ".js", ".wasm", ".cc", ".task"),
)


def check_suffix(path: Path, format: str) -> None:
    """Raise ValueError if the name of a path says that it is of another format.

    A name may have any other suffix, such as that of a version, "served/vae-1.0".
    """
    suffix = path.suffix.lower()
    own = SUFFIXES[format]
    if suffix == own or suffix not in (*SUFFIXES.values(), *OTHER_SUFFIXES):
        return
    example = f"a folder, such as {FOLDERS[format]}" if own is None else f"a file such as vae{own}"
    advice = ADVICE.get(suffix, "")
    for name, other in SUFFIXES.items():
        if other == suffix:
            advice = f"For a {suffix} file use format={name!r}."
    raise UsageError(
        f"Expected a path for format={format!r}, {example}. Received: {path}. "
        f"({advice or f'No format here writes {suffix} files.'})"
    )
