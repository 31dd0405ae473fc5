"""Labels of versions in the configuration of TF Serving, and how they move."""

import pytest

from keras_vae.export.serving.served_models import Model, models_config
from tests.support.serving_folders import fill, program, server_config

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path)


def test_labels_name_versions_and_exactly_those_are_served(folder):
    assert program(folder, "--labels", "vae:stable=1", "vae:canary=2") == 0
    other, vae = server_config((folder / "models.config").read_text()).model_config_list.config
    assert list(vae.model_version_policy.specific.versions) == [1, 2]
    assert dict(vae.version_labels) == {"stable": 1, "canary": 2}
    assert other.model_version_policy.latest.num_versions == 1


def test_labels_that_share_a_version_ask_for_it_once():
    text = models_config([Model("vae", [1, 2], {"a": 2, "b": 2}, [2])], "/models")
    vae = server_config(text).model_config_list.config[0]
    assert list(vae.model_version_policy.specific.versions) == [2]


def served(folder):
    """Loaded versions and labels of vae, as TF Serving reads them."""
    vae = server_config((folder / "models.config").read_text()).model_config_list.config[1]
    return list(vae.model_version_policy.specific.versions), dict(vae.version_labels)


def test_a_label_moves_to_a_version_that_is_not_loaded_in_two_steps(folder, capsys):
    assert program(folder, "--labels", "vae:stable=1") == 0
    assert served(folder) == ([1], {"stable": 1})
    move = ("--labels", "vae:stable=2", "--overwrite")
    capsys.readouterr()
    assert program(folder, *move) == 75
    assert served(folder) == ([1, 2], {"stable": 1})
    assert "the server loads version 2 first" in capsys.readouterr().out
    assert program(folder, *move) == 0
    assert served(folder) == ([1, 2], {"stable": 2})
    assert "version 1 stays loaded" in capsys.readouterr().out
    # Back, which is one step while the former version is loaded, and forth.
    assert program(folder, "--labels", "vae:stable=1", "--overwrite") == 0
    assert served(folder) == ([1, 2], {"stable": 1})
    assert program(folder, *move) == 0
    for _ in range(2):
        assert program(folder, *move) == 0
        assert served(folder) == ([2], {"stable": 2})


def test_a_new_label_and_a_label_of_a_loaded_version_need_one_step(folder):
    assert program(folder, "--labels", "vae:stable=1") == 0
    # TF Serving takes a label that is not in use, also of a version that it has not loaded.
    both = ("--labels", "vae:stable=1", "vae:canary=2", "--overwrite")
    assert program(folder, *both) == 0
    assert served(folder) == ([1, 2], {"stable": 1, "canary": 2})
    assert program(folder, "--labels", "vae:stable=2", "vae:canary=2", "--overwrite") == 0
    assert served(folder) == ([1, 2], {"stable": 2, "canary": 2})


def test_a_version_that_is_gone_is_not_kept(folder):
    assert program(folder, "--labels", "vae:stable=1") == 0
    (folder / "vae" / "1").unlink()
    assert program(folder, "--labels", "vae:stable=2", "--overwrite") == 75
    assert served(folder) == ([2], {"stable": 1})
