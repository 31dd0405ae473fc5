"""The explorer page, used as a person would in a real headless Chromium."""

import functools
import http.server
import shutil
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

import keras_vae as kv

pytestmark = pytest.mark.tensorflow
pytest.importorskip("selenium", reason="drives the browser; part of the dev extra")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --window-size=1200,1000"
).split()
HARMLESS = ("WebGPU", "No available adapters", "No GPU adapter", "INFO: ", "NPU accelerator")


@pytest.fixture(scope="module")
def model():
    return kv.ConvVAE((12, 12, 1), latent_dim=3, filters=(4, 8), hidden=16, seed=0)


@pytest.fixture(scope="module")
def data():
    images = np.random.default_rng(0).integers(0, 256, (40, 12, 12, 1), dtype=np.uint8)
    labels = np.arange(40) % 3
    return SimpleNamespace(
        name="noise", test=images, test_labels=labels, label_names=("cat", "dog", "newt")
    )


@pytest.fixture(scope="module")
def page(model, data, tmp_path_factory):
    if not (CHROMIUM and DRIVER and shutil.which("npm")):
        pytest.skip("needs Debian's chromium and chromium-driver, and npm for the runtime")
    from keras_vae.export.explorer.page import write_page

    return write_page(tmp_path_factory.mktemp("explorer") / "page", model, data, points=30)


@pytest.fixture(scope="module")
def browser(page, tmp_path_factory):
    from selenium import webdriver

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(page))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.home = f"http://127.0.0.1:{server.server_port}/"
    driver.server = server
    yield driver
    driver.quit()
    server.shutdown()  # Its thread would look at the closed socket again and again.
    server.server_close()


@pytest.fixture
def explorer(browser):
    browser.get("about:blank")
    browser.get(browser.home)
    wait_until(lambda: browser.execute_script("return document.body.dataset.ready"))
    return browser


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("the page did not get there")


def code(explorer):
    return np.asarray(
        [float(v) for v in explorer.execute_script("return document.body.dataset.code").split(",")],
        "float32",
    )


def pixels(explorer):
    """The red channel of the decoded picture, in [0, 255], once the decoder is idle."""
    time.sleep(0.3)
    script = """const c = document.getElementById('picture');
        return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"""
    return np.asarray(explorer.execute_script(script)).reshape(12, 12, 4)[..., 0]


def assert_shows(explorer, model, z):
    expected = np.asarray(model.decode(z[None]))[0, ..., 0] * 255
    assert np.abs(pixels(explorer) - expected).max() <= 1.0


def test_it_starts_at_the_first_test_image_and_logs_no_errors(explorer, model, data):
    z = np.asarray(model.encode(data.test[:1] / np.float32(255)))[0]
    np.testing.assert_allclose(code(explorer), z, atol=1e-3)
    assert_shows(explorer, model, z)
    lines = [entry["message"] for entry in explorer.get_log("browser")]
    assert [line for line in lines if not any(text in line for text in HARMLESS)] == []


def test_a_random_code_is_that_of_the_seed_in_python(explorer, model):
    explorer.execute_script("document.getElementById('seed').value = 7")
    explorer.find_element("id", "random").click()
    z = np.asarray(kv.random.standard_normal(np.asarray([7], "int32"), 3))[0]
    np.testing.assert_allclose(code(explorer), z, atol=1e-3)
    assert_shows(explorer, model, z)
    assert explorer.find_element("id", "seed").get_attribute("value") == "8"


def test_sliders_are_ordered_by_kl_and_move_their_dimension(explorer, model, data):
    kl = kv.latents.kl_per_dimension(model, data.test[:30] / np.float32(255))
    sliders = explorer.find_elements("css selector", "#sliders input")
    assert [int(s.get_attribute("data-dimension")) for s in sliders] == list(np.argsort(-kl))
    before = code(explorer)
    explorer.execute_script(
        "arguments[0].value = 2.5; arguments[0].dispatchEvent(new Event('input'))", sliders[0]
    )
    changed = before.copy()
    changed[np.argmax(kl)] = 2.5
    np.testing.assert_allclose(code(explorer), changed, atol=1e-3)
    assert_shows(explorer, model, changed)


def test_a_click_on_the_map_takes_a_code_and_arrows_walk(explorer, model, data):
    from selenium.webdriver.common.keys import Keys

    codes = np.asarray(model.encode(data.test[:30] / np.float32(255)))
    explorer.find_element("id", "map").click()
    assert np.abs(codes - code(explorer)).max(axis=1).min() < 1e-3
    chosen = np.abs(codes - code(explorer)).max(axis=1).argmin()
    explorer.find_element("id", "map").send_keys(Keys.ARROW_RIGHT)
    np.testing.assert_allclose(code(explorer), codes[(chosen + 1) % 30], atol=1e-3)


def test_interpolation_is_the_slerp_of_the_library(explorer, model, data):
    start, end = np.asarray(model.encode(data.test[:2] / np.float32(255)))
    explorer.execute_script(
        "const m = document.getElementById('mix'); m.value = 0.5;"
        "m.dispatchEvent(new Event('input'))"
    )
    middle = kv.latents.slerp(start[None], end[None], 3)[..., 1, :].ravel()
    np.testing.assert_allclose(code(explorer), middle, atol=2e-3)


def test_arithmetic_adds_the_difference_of_two_label_means(explorer, model, data):
    codes = np.asarray(model.encode(data.test[:30] / np.float32(255)))
    means = [codes[data.test_labels[:30] == label].mean(axis=0) for label in range(3)]
    before = code(explorer)
    explorer.find_element("id", "apply").click()
    np.testing.assert_allclose(code(explorer), before + means[0] - means[1], atol=3e-3)


def test_a_link_brings_the_same_picture_back(explorer, model):
    explorer.find_element("id", "random").click()
    shown = code(explorer)
    explorer.find_element("id", "share").click()
    link = wait_until(lambda: "#z=" in explorer.current_url and explorer.current_url)
    explorer.get("about:blank")
    explorer.get(link)
    wait_until(lambda: explorer.execute_script("return document.body.dataset.ready"))
    np.testing.assert_allclose(code(explorer), shown, atol=1e-6)
    assert_shows(explorer, model, shown)


def test_keys_theme_and_a_phone_work(explorer):
    body = explorer.find_element("tag name", "body")
    before = code(explorer)
    body.send_keys("r")
    assert not np.allclose(code(explorer), before)
    theme = "return document.documentElement.dataset.theme"
    was = explorer.execute_script(theme)
    body.send_keys("t")
    assert {was, explorer.execute_script(theme)} == {"dark", "light"}
    explorer.set_window_size(400, 800)
    wide = explorer.execute_script("return document.documentElement.scrollWidth - innerWidth")
    explorer.set_window_size(1200, 1000)
    assert wide <= 0


def test_it_works_without_a_network_after_the_first_load(explorer):
    wait_until(
        lambda: explorer.execute_async_script(
            "navigator.serviceWorker.ready.then(r => arguments[0](Boolean(r.active)))"
        )
    )
    time.sleep(0.5)
    explorer.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    explorer.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        explorer.get(explorer.home)
        wait_until(lambda: explorer.execute_script("return document.body.dataset.ready"))
    finally:
        explorer.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )


def test_a_folder_that_exists_is_refused_and_kept(model, data, tmp_path):
    from keras_vae.export.explorer.page import write_page

    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="Expected a folder that does not exist"):
        write_page(tmp_path / "page", model, data)
    assert (tmp_path / "page" / "mine.txt").read_text() == "keep"


def test_a_model_without_sliders_is_refused(data, tmp_path):
    from keras_vae.export.explorer.page import write_page

    plain = kv.ConvAutoencoder((12, 12, 1), latent_channels=2, filters=(2,))
    conditional = kv.ConditionalVAE(*kv.nets.conditional(kv.nets.dense, (12, 12, 1), 2, 3))
    wanted = {plain: "a VAE with a flat code", conditional: "a model that decodes codes alone"}
    for model, message in wanted.items():
        message = f"Expected {message}.*{type(model).__name__}"
        with pytest.raises(ValueError, match=message):
            write_page(tmp_path / "page", model, data)
    assert list(tmp_path.iterdir()) == []
