"""The SavedModel writer, for TF Serving and all else that runs TensorFlow graphs."""

from collections.abc import Mapping
from pathlib import Path

from keras_vae.base.endpoint import Endpoint
from keras_vae.errors import UsageError
from keras_vae.export.endpoints import float32_policy, write_archive
from keras_vae.export.saved_model.png_endpoint import png_endpoint, white_of
from keras_vae.export.saved_model.table_endpoints import table_endpoints
from keras_vae.export.verification import graph_ops
from keras_vae.files.folders import partial_folder, publish
from keras_vae.typing import LatentModel


def write_saved_model(model: LatentModel, path: Path, endpoints: Mapping[str, Endpoint]) -> Path:
    """Write a SavedModel with one signature for each endpoint and a dynamic batch size.

    Weights are stored once. The first endpoint is also `serving_default`. Image models get the
    further signature `reconstruct_png`, from and to image files, and models of tables get those of
    `table_endpoints`.

    Args:
        model: The built model.
        path: A new folder. A server that polls its parent never sees an incomplete one.
        endpoints: The endpoints to write, from `choose_endpoints`.

    Returns:
        `path`.

    Raises:
        ValueError: If an endpoint has random ops, state, or Python code in its graph.
    """
    with partial_folder(path.parent) as folder:
        fill_saved_model(model, folder, served_endpoints(model, endpoints))
        return publish(folder, path)


def fill_saved_model(model: LatentModel, folder: Path, endpoints: Mapping[str, Endpoint]) -> None:
    """Write a SavedModel of exactly these endpoints into an existing folder."""
    with float32_policy(model):
        write_archive(endpoints, str(folder), batch_size=None)
    refuse_unservable(folder)


def served_endpoints(model: LatentModel, endpoints: Mapping[str, Endpoint]) -> dict[str, Endpoint]:
    """Return `endpoints`, and those that only servers have: of image files, and of tables."""
    served = {**endpoints, **table_endpoints(model, endpoints)}
    reconstruct = endpoints.get("reconstruct")
    if reconstruct is not None and white_of(reconstruct.inputs[0]) is not None:
        served["reconstruct_png"] = png_endpoint(reconstruct)
    return served


def refuse_unservable(folder: Path) -> None:
    """Raise ValueError if a SavedModel has random ops, state, or Python code.

    With random ops a server cannot be verified, its replicas disagree, and a restart repeats the
    same numbers.
    """
    _, asking = graph_ops.run_ops((folder / "saved_model.pb").read_bytes())
    bad = sorted(asking - graph_ops.pure_ops())
    if bad:
        raise UsageError(
            "Expected endpoints that are pure functions of their inputs. Received: the "
            f"op(s) {', '.join(bad)} in the graph. (Draw noise from seeds with "
            "keras_vae.random.standard_normal, keep state and Python functions out.)"
        )
