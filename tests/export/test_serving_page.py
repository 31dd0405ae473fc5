"""The commands of docs/serving.md are sent as they stand; their answers are those on the page."""

import base64
import functools
import json
import re
import shutil
import subprocess

import keras
import numpy as np
import pytest

import keras_vae
from tests.support import serving

pytest.importorskip("tensorflow_serving", reason="pip install --no-deps tensorflow-serving-api")
from tests.support import stand_in  # noqa: E402

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(
        not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq"
    ),
]

PAGE = (serving.ROOT / "docs" / "serving.md").read_text()
# A command, then its answer if there is one.
BLOCKS = re.findall(r"```bash\n(.*?)```\n(?:\n```json\n(.*?)```)?", PAGE, re.DOTALL)
MORE = "..."


@functools.cache
def server() -> stand_in.StandIn:
    """A stand-in with the model of the page, whose weights are the same at each call."""
    keras.utils.set_random_seed(0)
    model = keras_vae.ConvVAE(serving.SHAPE, 3, (4, 8), hidden=8, activation="relu", seed=0)
    generator = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(generator.normal(scale=0.4, size=weight.shape))
    folder = serving.folder() / "page" / "vae"
    folder.mkdir(parents=True)
    model.export(folder / "1")
    return stand_in.StandIn(folder.parent)


def answer(command: str) -> str:
    """What a command of the page prints."""
    variables = "".join(line for line in definitions() if line not in command)
    address = server().rest.removeprefix("http://")
    script = variables + command.replace("localhost:8501", address).replace("curl ", "curl -sS ")
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def definitions() -> list[str]:
    return [
        line
        for block, _ in BLOCKS
        for line in block.splitlines(keepends=True)
        if "curl" not in line
    ]


def shown(value):
    """An answer as the page shows it: four digits, and of long lists the first two elements."""
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value[:3]][: 2 if len(value) > 3 else 3] + (
            [MORE] if len(value) > 3 else []
        )
    if isinstance(value, str) and len(value) > 60:
        return value[:11] + MORE
    return round(value, 4) if isinstance(value, float) else value


def assert_alike(found, wanted):
    assert type(found) is type(wanted)
    if isinstance(found, dict):
        assert set(found) == set(wanted)
        for key in found:
            assert_alike(found[key], wanted[key])
    elif isinstance(found, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_alike(one, other)
    elif isinstance(found, float):
        assert found == pytest.approx(wanted, abs=2e-4, rel=2e-4)
    else:
        assert found == wanted


@pytest.mark.parametrize(
    ("command", "wanted"), [block for block in BLOCKS if "curl" in block[0]], ids=lambda _: ""
)
def test_a_command_of_the_page_gives_the_answer_of_the_page(command, wanted):
    assert wanted, f"no answer on the page for {command}"
    found = json.loads(answer(command))
    assert "error" not in found
    assert_alike(shown(found), json.loads(wanted))


def test_every_signature_is_on_the_page():
    commands = " ".join(command for command, _ in BLOCKS)
    asked = set(re.findall(r'"signature_name": "(\w+)"', commands)) | {"reconstruct"}
    assert asked == set(server().models["vae"][1].signatures) - {"serving_default"}


def test_the_client_of_the_page_is_answered(tmp_path, monkeypatch):
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (picture,) = re.findall(r"PICTURE=(\S+)", PAGE)
    (tmp_path / "image.png").write_bytes(base64.b64decode(picture))
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(block.replace("grpc://localhost:8500", server().grpc).replace("=5.0", "=60.0"), found)
    assert found["reconstructions"].shape == found["images"].shape == (100, *serving.SHAPE)
    assert found["scores"].shape == (100,) and found["codes"].shape == (100, 3)
    assert found["samples"].shape == (16, *serving.SHAPE)
    assert found["files"][0].startswith(b"\x89PNG")
    np.testing.assert_array_equal(found["answer"]["reconstruction"], found["reconstructions"])
