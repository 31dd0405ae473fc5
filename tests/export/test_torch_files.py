"""Programs of PyTorch: what they hold and answer, and what is refused."""

import importlib.util
import zipfile

import keras
import numpy as np
import pytest

import keras_vae as kv
from keras_vae.errors import UnavailableError, UsageError
from keras_vae.export import writers
from tests.support.models import CASES, uniform

X = uniform(12, 6)


def vae(seed=0):
    keras.utils.set_random_seed(seed)
    networks = kv.nets.dense((6,), 3, (5,), heads=2)
    return kv.VAE(*networks, likelihood="bernoulli", seed=0)


@pytest.mark.only_on("tensorflow", "jax")
def test_without_pytorch_you_are_told_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnavailableError, match=r"Expected PyTorch to be .*pip install torch"):
        vae().export(tmp_path / "m.pt2", format="torch", endpoints=["decode"])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.extra(name="backends")
@pytest.mark.only_on("tensorflow", "jax")
def test_models_of_other_backends_are_exported_in_a_process(tmp_path):
    from keras_vae.export.torch_files import conversion, files

    model = vae()
    model.export(tmp_path / "m", format="torch", endpoints=["encode", "sample"], calibration=X)
    found = files.read(tmp_path / "m")
    encode = conversion.open_program(found["encode"].content)
    np.testing.assert_allclose(encode({"x": X})["z_mean"], model.encode(X), atol=1e-5)
    sample = conversion.open_program(found["sample"].content)
    picture = sample({"seed": kv.random.row_seeds(4, 3)})["reconstruction"]
    np.testing.assert_allclose(picture, model.sample(4, seed=3), atol=1e-5)


def test_names_of_other_formats_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"For a \.pt2 file use format='torch'"):
        vae().export(tmp_path / "m.pt2", format="onnx")
    with pytest.raises(UsageError, match="For a .onnx file use format='onnx'"):
        vae().export(tmp_path / "m.onnx", format="torch")


def test_files_of_others_are_refused(tmp_path):
    from keras_vae.export.torch_files import files

    (tmp_path / "a.pt2").write_bytes(b"no archive")
    with zipfile.ZipFile(tmp_path / "b.pt2", "w") as archive:
        archive.writestr("archive/models/model.json", "{}")
    for name in ("a.pt2", "b.pt2"):
        with pytest.raises(UsageError, match="Expected a .pt2 file that keras_vae wrote"):
            files.read(tmp_path / name)


def test_a_folder_of_others_is_kept(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/weights.bin").write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="exports of the same format alone"):
        writers._check_replaceable(tmp_path / "mine", "torch", overwrite=True)


@pytest.mark.slow
@pytest.mark.only_on("torch")
def test_programs_answer_as_the_model_does_without_keras(tmp_path):
    import torch

    from keras_vae.export.torch_files import files, writer

    model = vae()
    path = model.export(tmp_path / "vae", format="torch", calibration=X, labels=["a"])
    assert {one.stem for one in path.iterdir()} == model.endpoints().keys()
    found = writer.verify(model, path, X)
    assert max(d.relative for one in found.values() for d in one.values()) < 1e-5
    about = files.read_metadata(path / "encode.pt2")
    entry = about["endpoints"]["encode"]["inputs"]["x"]
    assert entry == {"shape": [None, 6], "dtype": "float32", "range": [0.0, 1.0]}
    assert about["labels"] == ["a"] and len(about["latent"]["mean"]) == 3

    seeds = kv.random.row_seeds(4, 3)
    sample = torch.export.load(path / "sample.pt2").module()
    given = sample(seed=torch.from_numpy(seeds))["reconstruction"].detach().numpy()
    wanted = keras.ops.convert_to_numpy(model.sample(4, seed=3))
    np.testing.assert_allclose(given, wanted, atol=1e-6)
    encode = torch.export.load(path / "encode.pt2").module()
    x = torch.from_numpy(X[:3].copy())
    x[1, 0] = torch.nan
    lost = torch.isnan(encode(x=x)["z_mean"]).all(1)
    assert lost.tolist() == [False, True, False]
    with pytest.raises(Exception, match="Guard failed"):
        encode(x=x[:, 1:])
    check_sealed(path)


def check_sealed(path):
    """A file has no path of this machine, and a change of it is refused."""
    from keras_vae.export.torch_files import files

    content = bytearray((path / "decode.pt2").read_bytes())
    assert b".py" not in content and str(path.parent).encode() not in content
    content[content.index(b'"relative": ') + 14] ^= 1
    (path / "decode.pt2").write_bytes(content)
    with pytest.raises(UsageError, match=r"\.pt2 file that keras_vae wrote|was changed since"):
        files.read(path)


@pytest.mark.long
@pytest.mark.only_on("torch")
def test_what_cannot_be_traced_is_named_and_codes_are_checked(tmp_path):
    import torch

    def case(name):
        return next(one for one in CASES if one.id == name)

    model = case("lstm_vae_masked").trained()
    with pytest.raises(UsageError, match=r"Received: decode, .*\(give batch_size"):
        model.export(tmp_path / "a.pt2", format="torch", endpoints=["decode"])
    path = model.export(tmp_path / "b.pt2", format="torch", endpoints=["decode"], batch_size=2)
    assert path.is_file()
    codes = case("vq_vae").trained()
    path = codes.export(tmp_path / "c.pt2", format="torch", endpoints=["decode"])
    decode = torch.export.load(path).module()
    shape = codes.endpoints()["decode"].inputs[0].shape[1:]
    assert decode(z=torch.zeros(2, *shape, dtype=torch.int32))["reconstruction"].shape[0] == 2
    for wrong in (-1, 99):
        with pytest.raises(RuntimeError, match="whole numbers from 0 to"):
            decode(z=torch.full((2, *shape), wrong, dtype=torch.int32))
