"""The program that builds the explorer page, and shows it with --serve."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from keras_vae import cli, options
from keras_vae.errors import UsageError
from keras_vae.export.explorer import page_files
from keras_vae.files import outputs
from keras_vae.presets import places
from keras_vae.training.runs.run_directory import Run, open_run

if TYPE_CHECKING:
    from keras_vae.export.explorer.page_server import PageServer

PORT, POINTS = 8000, 600
Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


def explorer(
    run: Annotated[str, tyro.conf.Positional],
    out: Path | None = None,
    data: str | None = None,
    points: int | None = None,
    stretch: Flag = False,
    crop_to_aspect_ratio: Flag = False,
    serve: bool = False,
    port: int | None = None,
) -> None:
    """Build a static page that explores the latent space of a trained VAE in the browser.

    Any web server can host the folder. The page fetches nothing from elsewhere and sends nothing.
    To see one at once, show that of a preset: keras-vae explorer conv_vae_fashion_mnist --serve

    Args:
        run: A run directory of keras-vae train, or a .keras file with --data and --out, or a
            preset: see keras-vae presets.
        out: The new folder; RUN/explorer by default. The page of a preset needs none to be shown.
        data: A data set, see keras_vae.training.data.loading, instead of the run's own.
        points: Number of test images on the map; 600 by default.
        stretch: Stretch images to the size that the model takes, as a run with --image-size does
            without it.
        crop_to_aspect_ratio: Crop images to the aspect ratio of the model before they are
            stretched, as a run with this option does without it.
        serve: Show the page at http://localhost:PORT until interrupted; builds it if necessary.
            Only programs on this machine can reach it.
        port: Port of --serve; 8000 by default, and 0 for a free one.
    """
    options.at_least(1, points=points)
    options.only_with("--serve", serve, port=port)
    if port is not None and not 0 <= port < 2**16:
        raise UsageError(f"Expected --port from 0 to 65535. Received: {port}.")
    resizing = {"stretch": stretch, "crop_to_aspect_ratio": crop_to_aspect_ratio}
    if data is None and places.is_known(run):
        options.only_with("--data", False, points=points, **resizing)
        _show_preset(run, out, serve, port)
        return
    opened = open_run(run)
    if out is None and opened.path.is_file():
        raise UsageError(f"Expected --out for a lone model. Received: {run} alone.")
    folder = out or opened.path / "explorer"
    is_built = serve and folder.exists()
    given = {"data": data, "points": points, **resizing}
    options.only_with(f"a new page ({folder} exists)", not is_built, **given)
    with _bind(port) if serve else contextlib.nullcontext() as server:
        if not is_built:
            _build(opened, folder, data, POINTS if points is None else points, resizing)
        if server is not None:
            _serve(server, page_files.read_page(folder))


def _show_preset(name: str, out: Path | None, serve: bool, port: int | None) -> None:
    """Write or show the page that a preset brings with it; no model is loaded."""
    if out is None and not serve:
        raise UsageError("Expected --serve to show the page of a preset, or --out to write it.")
    if out is not None:
        outputs.check_new(out, "folder, one that does not exist yet")
        outputs.check_folder(out)
    with _bind(port) if serve else contextlib.nullcontext() as server:
        contents = page_files.page_of_preset(places.read(name))
        if out is not None:
            _say_written(page_files.write_files(out, contents))
        if server is not None:
            _serve(server, contents)


def _build(
    opened: Run, folder: Path, data: str | None, points: int, resizing: dict[str, bool]
) -> None:
    outputs.check_new(folder, "folder, one that does not exist yet")
    outputs.check_folder(folder)
    cli.prepare_tensorflow()
    from keras_vae.export.explorer.page import check_model, write_page
    from keras_vae.training.data.resizing import choose_resizing, describe_resizing, size_for

    model = opened.model()
    check_model(model)
    resizing = choose_resizing(opened.config.get("settings", {}), **resizing)
    if told := describe_resizing(resizing, model.event_shape).lstrip(", "):
        print(f"Images are {told}.")
    size = size_for(model.event_shape, **resizing)
    write_page(folder, model, opened.data(data, size), points)
    _say_written(folder)


def _say_written(folder: Path) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"Wrote {folder} ({size / 1e6:.1f} MB); any web server can host it.")


def _bind(asked: int | None) -> "PageServer":
    """Return a server without files, which holds its port while the page is built."""
    from keras_vae.export.explorer.page_server import PageServer

    port = PORT if asked is None else asked
    try:
        return PageServer({}, port)
    except OSError as error:
        raise type(error)(
            f"Expected a free port on this machine. Received: {port} ({error.strerror}). "
            "(Choose another one with --port.)"
        ) from error


def _serve(server: "PageServer", contents: Mapping[str, bytes]) -> None:
    server.contents = contents
    print(f"http://localhost:{server.server_port} (Ctrl-C to stop)", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    cli.main(explorer, program="keras-vae explorer")
