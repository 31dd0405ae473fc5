"""The program that builds the explorer page, and shows it with --serve."""

from pathlib import Path
from typing import Annotated

import tyro

from keras_vae import cli
from keras_vae.errors import UsageError
from keras_vae.training.runs.run_directory import open_run


def explorer(
    run: Annotated[Path, tyro.conf.Positional],
    out: Path | None = None,
    data: str | None = None,
    points: int = 600,
    serve: bool = False,
    port: int = 8000,
) -> None:
    """Build a static page that explores the latent space of a trained VAE in the browser.

    Any web server can host the folder. The page fetches nothing from elsewhere and sends nothing.

    Args:
        run: A run directory of keras-vae train, or a .keras file with --data and --out.
        out: The new folder; RUN/explorer by default.
        data: A data set, see keras_vae.training.data.loading, instead of the run's own.
        points: Number of test images on the map.
        serve: Show the page at http://localhost:PORT until interrupted; builds it if necessary.
            Only programs on this machine can reach it.
        port: Port of --serve.
    """
    opened = open_run(run)
    if out is None and opened.path.is_file():
        raise UsageError(f"Expected --out for a lone model. Received: {run} alone.")
    folder = out or opened.path / "explorer"
    if not (serve and folder.exists()):
        cli.prepare_tensorflow()
        from keras_vae.export.explorer.page import write_page

        write_page(folder, opened.model(), opened.data(data), points)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"Wrote {folder} ({size / 1e6:.1f} MB); any web server can host it.")
    if serve:
        _serve(folder, port)


def _serve(folder: Path, port: int) -> None:
    from keras_vae.export.explorer.page_files import read_page
    from keras_vae.export.explorer.page_server import PageServer

    with PageServer(read_page(folder), port) as server:
        print(f"http://localhost:{server.server_port} (Ctrl-C to stop)", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    cli.main(explorer, program="keras-vae explorer")
