"""The Android app in export/samples/android, as far as it can be checked without Android's SDK."""

import re
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_vae.export.litert.writer import read_metadata
from tests.support.litert_files import small_conv_vae

APP = Path(__file__).parents[2] / "export" / "samples" / "android"
SOURCES = APP / "app/src/main/kotlin/keras_vae/sliders"
ANDROID = "{http://schemas.android.com/apk/res/android}"
KOTLIN = sorted(SOURCES.glob("*.kt"))
GRADLE = sorted(APP.rglob("*.kts"))
XML = sorted((APP / "app/src/main").rglob("*.xml"))


def source(name):
    return (SOURCES / name).read_text()


def constant(text, name):
    (value,) = re.findall(rf'\b{name} = "?([^"\s]+)"?\n', text)
    return value


@pytest.fixture(scope="module")
def tensors(tmp_path_factory):
    """The tensors of each endpoint of the file that the README of the app tells to write."""
    keras.utils.set_random_seed(0)
    (command,) = re.findall(r"keras-vae export litert .*", (APP / "README.md").read_text())
    endpoints = re.search(r"--endpoints ((?:\w+ )+)", command)[1].split()
    path = tmp_path_factory.mktemp("android") / "vae.tflite"
    return read_metadata(small_conv_vae().export(path, format="litert", endpoints=endpoints))[
        "endpoints"
    ]


@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_app_names_all_tensors_of_its_file_and_their_axes(tensors):
    text = source("Vae.kt")
    found = re.findall(r'Signature\("(\w+)", "(\w+)", listOf\((.*)\)\)', text)
    named = {
        name: ([given], sorted(re.findall(r'"(\w+)"', outputs))) for name, given, outputs in found
    }
    assert named == {
        name: (list(about["inputs"]), sorted(about["outputs"])) for name, about in tensors.items()
    }
    read = re.findall(r'getValue\("(\w+)"\)', text)
    assert set(read) <= {name for about in tensors.values() for name in about["outputs"]}
    shape = tensors["score"]["inputs"]["x"]["shape"]
    axes = [int(constant(text, f"{axis}_AXIS")) for axis in ("HEIGHT", "WIDTH", "CHANNEL")]
    assert [shape[axis] for axis in axes] == list(small_conv_vae().event_shape)
    code = tensors["decode"]["inputs"]["z"]
    assert code["shape"][int(constant(text, "CODE_AXIS"))] == small_conv_vae().latent_shape[0]
    assert float(constant(source("MainActivity.kt"), "RANGE").rstrip("f")) == code["range"][1]
    kinds = {t["dtype"] for a in tensors.values() for t in (*a["inputs"].values(),)}
    assert kinds == {"float32"}


def test_the_app_opens_the_file_that_its_page_writes():
    (written,) = re.findall(r"(app/src/main/assets/\S+)", (APP / "README.md").read_text())
    assert written == f"app/src/main/assets/{constant(source('Vae.kt'), 'FILE')}"
    assert (APP / written).parent.is_dir()


def test_every_xml_file_is_well_formed_and_its_names_are_those_of_the_code():
    trees = {path.name: ElementTree.parse(path) for path in XML}
    assert set(trees) == {"AndroidManifest.xml", "main.xml", "strings.xml"}
    strings = {entry.get("name") for entry in trees["strings.xml"].iter("string")}
    ids = {e.get(f"{ANDROID}id", "").removeprefix("@+id/") for e in trees["main.xml"].iter()}
    code = "".join(path.read_text() for path in KOTLIN)
    assert set(re.findall(r"R\.id\.(\w+)", code)) == ids - {""}
    assert set(re.findall(r"R\.layout\.(\w+)", code)) == {"main"}
    used = re.findall(r"R\.string\.(\w+)", code)
    used += re.findall(r"@string/(\w+)", "".join(path.read_text() for path in XML))
    assert set(used) == strings
    (activity,) = trees["AndroidManifest.xml"].iter("activity")
    namespace = constant((APP / "app/build.gradle.kts").read_text(), "namespace")
    file = SOURCES / f"{activity.get(f'{ANDROID}name').removeprefix('.')}.kt"
    assert {re.match(r"package (\S+)", path.read_text())[1] for path in KOTLIN} == {namespace}
    assert f"class {file.stem} : Activity()" in file.read_text()


def test_every_version_stands_once_and_is_used():
    catalog = tomllib.loads((APP / "gradle/libs.versions.toml").read_text())
    gradle = "".join(path.read_text() for path in GRADLE)
    assert not re.search(r"\d+\.\d+", gradle)
    entries = {**catalog["libraries"], **catalog["plugins"]}
    used = {entry["version"]["ref"] for entry in entries.values()}
    used |= set(re.findall(r"libs\.versions\.(\w+)\.get", gradle))
    assert used == set(catalog["versions"])
    aliases = set(re.findall(r"libs\.plugins\.([\w.]+)\)", gradle))
    assert {alias.replace(".", "-") for alias in aliases} == set(catalog["plugins"])
    assert set(re.findall(r"implementation\(libs\.(\w+)\)", gradle)) == set(catalog["libraries"])
    page = (Path(__file__).parents[2] / "docs/deploy.md").read_text()
    assert re.findall(r"litert:litert:([\d.]+)", page) == [catalog["versions"]["litert"]]
    # LiteRT 2.1 needs 23, and ImageDecoder 28.
    assert int(catalog["versions"]["minSdk"]) >= 28


def test_gray_is_weighed_as_in_training():
    text = source("Images.kt")
    names = ("RED_WEIGHT", "GREEN_WEIGHT", "BLUE_WEIGHT")
    weights = [float(constant(text, name).rstrip("f")) for name in names]
    colors = Image.fromarray(np.eye(3, dtype="uint8")[None] * 255).convert("L")
    np.testing.assert_allclose(weights, np.asarray(colors)[0] / 255, atol=0.5 / 255)


@pytest.mark.parametrize("path", [*KOTLIN, *GRADLE], ids=lambda path: path.name)
def test_brackets_are_balanced_outside_of_strings(path):
    text = re.sub(r'"[^"\n]*"|//[^\n]*|/\*.*?\*/', "", path.read_text(), flags=re.DOTALL)
    opened = []
    for letter in re.findall(r"[][(){}]", text):
        if letter in "([{":
            opened.append(letter)
        else:
            assert opened and opened.pop() + letter in ("()", "[]", "{}"), path
    assert not opened
