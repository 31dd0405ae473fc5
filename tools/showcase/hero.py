"""The first picture of the README: the explorer, above test images and their reconstructions."""

import contextlib
import functools
import http.server
import io
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from keras_vae import latents
from keras_vae.errors import UsageError
from keras_vae.export.explorer.page import write_page
from keras_vae.plots.figures import image_grid
from keras_vae.training.data.loading import Data
from tools.gallery import png
from tools.showcase.figures import some, vae

WIDTH, HEIGHT = 1160, 760
# The parts of the page that are shown, and pixels below them.
SECTIONS = ("stage", "codes", "atlas")
GAP = 8
READY = "return document.body.dataset.ready"
SECONDS = 60
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-sync --hide-scrollbars "
    "--disable-background-networking --disable-component-update"
).split()


def hero(data: Data, epochs: int) -> Image.Image:
    """Return the picture: a screenshot above a strip of the same width."""
    model = vae(data, 2 * epochs)
    with tempfile.TemporaryDirectory() as folder:
        page = write_page(Path(folder) / "page", model, data)
        with _serve(page) as address, _browser(folder) as driver:
            top = _screenshot(driver, address)
    return _stack(top, _strip(model, data))


def _screenshot(driver: Any, address: str) -> Image.Image:
    from selenium.webdriver.common.keys import Keys

    driver.set_window_size(WIDTH, HEIGHT)
    driver.get(address)
    end = time.monotonic() + SECONDS
    while not driver.execute_script(READY):
        if time.monotonic() > end:
            raise TimeoutError(f"Expected the explorer within {SECONDS} s. Received: no answer.")
        time.sleep(0.1)
    # The first decoding takes long. Go to the next test image and back.
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT):
        driver.find_element("id", "map").send_keys(key)
        time.sleep(1)
    driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
    places = [driver.find_element("id", name).rect for name in SECTIONS]
    bottom = max(place["y"] + place["height"] for place in places)
    screen = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    return screen.crop((0, 0, screen.width, round(bottom) + GAP))


def _strip(model: Any, data: Data) -> Image.Image:
    images = some(data)
    rows = np.stack([images, latents.as_numpy(model.reconstruct(images))])
    figure = image_grid(rows, "Test images and their reconstructions", ["input", "output"], cell=84)
    return png.to_image(figure)


def _stack(top: Image.Image, bottom: Image.Image) -> Image.Image:
    """Return both on the background of the upper one, the lower one in the middle."""
    whole = Image.new("RGB", (top.width, top.height + bottom.height), "white")
    whole.paste(top, (0, 0))
    whole.paste(bottom, ((top.width - bottom.width) // 2, top.height))
    return whole


@contextlib.contextmanager
def _serve(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Print nothing."""


@contextlib.contextmanager
def _browser(folder: str) -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        raise UsageError(
            "Expected Chromium and its driver, which take the screenshot. Received: no such "
            "programs. (scripts/browser.sh installs them.)"
        )
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={folder}/profile"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()
