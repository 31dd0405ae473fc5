"""JSON that carries its own hash: whatever was changed is noticed."""

import json

import pytest

from keras_vae.files import hashed_json

CONTENT = {"b": [1, 2.5, None], "a": {"text": "é"}}


def test_what_was_written_is_read_without_the_hash(tmp_path):
    path = tmp_path / "file.json"
    path.write_text(json.dumps(hashed_json.add_hash(CONTENT), indent=2))
    assert hashed_json.read(path) == CONTENT


def test_the_order_of_keys_and_an_earlier_hash_do_not_matter():
    hashed = hashed_json.add_hash(CONTENT)
    assert hashed_json.has_valid_hash(dict(reversed(hashed.items())))
    assert hashed_json.add_hash(hashed) == hashed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expected JSON"),
        ("[1]", "Expected an object"),
        (json.dumps(CONTENT), "as it was written"),
        (json.dumps({**hashed_json.add_hash(CONTENT), "b": []}), "as it was written"),
        (json.dumps({**hashed_json.add_hash(CONTENT), "c": 1}), "as it was written"),
    ],
)
def test_a_damaged_or_changed_file_is_refused(tmp_path, text, message):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        hashed_json.read(path)
