"""Names of presets: each leads to the one that it says, or is refused with what to write."""

from pathlib import Path

import pytest

import keras_vae as kv
from tests.support.presets import vae


@pytest.fixture(scope="module")
def model():
    return vae()


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("given", ["vae_digits", "./vae_digits", Path("vae_digits")])
def test_saving_returns_a_path_that_leads_back(given, model):
    path = model.save_to_preset(given)
    assert kv.presets.read(path).config["model"]["event_shape"] == [6]
    assert kv.presets.read("vae_digits").config["model"]["event_shape"] == [8, 8, 1]


def test_a_path_is_a_folder_first_and_a_name_second(model):
    assert kv.presets.read(Path("vae_digits")).labels == [*"0123456789"]
    model.save_to_preset("./vae_digits", labels=["mine"])
    assert kv.presets.read(Path("./vae_digits")).labels == ["mine"]


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("HF://me/mine", r"\(Write hf://me/mine\.\)"),
        ("hf:me/mine", r"\(Write hf://me/mine\.\)"),
        ("https://huggingface.co/me/mine", r"\(Write hf://me/mine\.\)"),
        (Path("https://hf.co/me/mine"), r"\(Write hf://me/mine\.\)"),
        ("https://example.com/me/mine", "Received: https://example.com/me/mine"),
        ("file:///me/mine", "Received: file:///me/mine"),
    ],
)
def test_another_address_is_neither_a_folder_nor_unknown(given, hint, model, empty):
    for use in (kv.presets.read, model.save_to_preset):
        with pytest.raises(ValueError, match="Expected hf://USER/NAME.*" + hint):
            use(given)
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize("given", [b"mine", 3, None, ["mine"]])
def test_a_name_is_text_or_a_path(given, model):
    for use in (kv.presets.read, model.save_to_preset):
        with pytest.raises(TypeError, match="Expected preset to be a name, a path or hf://"):
            use(given)


@pytest.mark.parametrize("given", ["", "a" * 300, "a\0b", "\ud800"])
def test_a_name_that_no_folder_has_does_not_exist(given):
    with pytest.raises(FileNotFoundError, match="which does not exist"):
        kv.presets.read(given)


@pytest.mark.parametrize("given", ["a\0b", "\ud800"])
def test_a_name_that_no_folder_can_have_is_refused(given, model, empty):
    with pytest.raises(ValueError, match=r"Expected (preset|name) .*Received: "):
        model.save_to_preset(given)
    assert list(empty.iterdir()) == []


def test_a_file_is_no_folder_and_the_message_says_how_to_load_it(model):
    path = model.save_to_preset("mine")
    with pytest.raises(FileNotFoundError, match=r"which is a file\. \(keras_vae.load loads"):
        kv.from_preset(f"{path}/model.keras")


@pytest.mark.parametrize("name", ['a "b"', "line\nbreak", "back\\slash", "ünï"])
def test_the_code_of_a_card_runs_whatever_the_name(name, model):
    card = kv.presets.read(model.save_to_preset(name)).card
    (line,) = [line for line in card.splitlines() if line.startswith("model = ")]
    found = {}
    exec(line, {"kv": kv}, found)
    assert found["model"].event_shape == (6,)
    assert "\n# " + " ".join(name.split()) + "\n" in card
