"""The registry of data sources: every entry is shown to users and is light to list."""

import re
import subprocess
import sys

import pytest

from keras_vae.training.data.loading import load
from keras_vae.training.data.sources import registry
from keras_vae.training.data.sources.registry import SOURCES

USAGES = [source.usage for source in SOURCES]


def test_no_two_sources_are_written_alike():
    assert len(set(USAGES)) == len(USAGES)
    assert all(source.argument or source.name in registry.names() for source in SOURCES)


@pytest.fixture(scope="module")
def help_of_train():
    words = [sys.executable, "-m", "training.train", "conv_vae_digits", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return " ".join(re.sub("[│╭╮╰╯]", " ", done.stdout).split())


@pytest.mark.parametrize("source", SOURCES, ids=USAGES)
def test_each_source_is_in_the_help_of_the_training_program(help_of_train, source):
    assert f"{source.usage}: {source.help}" in help_of_train


def test_the_error_for_an_unknown_name_lists_each_source():
    with pytest.raises(ValueError, match=re.escape(f"Expected {', '.join(USAGES)}, or one of")):
        load("no_such_data")


def test_a_name_leads_to_its_source_and_argument():
    for source in SOURCES:
        if source.name:
            argument = "x/y" if source.argument else ""
            assert registry.find(source.name + argument) == (source, argument)
    assert registry.find("no_such_data") is None


def test_files_and_folders_lead_to_their_source(tmp_path):
    for name, usage in (("a.NPZ", "FILE.npz"), ("a.npy", "FILE.npy"), (".", "FOLDER")):
        (tmp_path / name).touch()
        assert registry.find_by_path(tmp_path / name).usage == usage
    (tmp_path / "noted").touch()
    assert registry.find_by_path(tmp_path / "noted") is None


def test_only_a_path_that_exists_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("digits", "tfds", "3"):
        (tmp_path / name).mkdir()
    for name in ("digits", "tfds:3", "mnist1d:3", "absent", "stream:absent"):
        assert registry.make_absolute(name) == name
    assert registry.make_absolute("3") == str(tmp_path / "3")
    assert registry.make_absolute("stream:3") == f"stream:{tmp_path / '3'}"


def test_importing_the_registry_imports_no_reader():
    program = (
        "import sys, keras_vae.training.data.sources.registry\n"
        "mine = {n for n in sys.modules if n.startswith('keras_vae.training.data.sources.')}\n"
        "assert mine == {'keras_vae.training.data.sources.registry'}, mine\n"
        "assert not {'tensorflow', 'keras', 'numpy', 'PIL'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
