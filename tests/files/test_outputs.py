"""Outputs are checked before the work: none replaces another one or an input."""

import pytest

from keras_vae.files.outputs import check_apart


@pytest.mark.parametrize("other", ["r", "./r", "sub/../r", "link"])
def test_two_outputs_of_one_path_are_refused(tmp_path, other):
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to("r")
    with pytest.raises(ValueError, match="one path for each of the inputs and outputs"):
        check_apart([tmp_path / "r", None, tmp_path / other])
    with pytest.raises(ValueError, match="one path for each of the inputs and outputs"):
        check_apart([tmp_path / "r"], [tmp_path / other])


def test_other_paths_are_taken(tmp_path):
    check_apart([tmp_path / "a", None, tmp_path / "b", None], [tmp_path / "c", None])
