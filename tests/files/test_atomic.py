"""A new file is put in place whole, and never in place of another."""

import os

import pytest

from keras_vae.files.atomic import write_atomically


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_does_not_replace_one_that_was_made_meanwhile(tmp_path, monkeypatch, links):
    def no_links(*_):
        raise PermissionError("This file system has no hard links.")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "new.bin"
    assert write_atomically(path, lambda new: new.write_bytes(b"1"), new=True) == path
    assert path.read_bytes() == b"1" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileExistsError, match="Expected a path that does not exist yet"):
        write_atomically(path, lambda new: new.write_bytes(b"2"), new=True)
    assert path.read_bytes() == b"1" and list(tmp_path.iterdir()) == [path]


def test_a_new_file_does_not_replace_a_link_that_leads_nowhere(tmp_path):
    path = tmp_path / "new.bin"
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        write_atomically(path, lambda new: new.write_bytes(b"2"), new=True)
    assert path.is_symlink() and not path.exists()
