"""A file of a model with integer codes against its model: which codes are equal, and the rest."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_vae.export.verification import tolerances
from keras_vae.export.verification.comparison import differences
from keras_vae.preprocessing import Preprocessing

MODEL = SimpleNamespace(
    family=SimpleNamespace(support=(0.0, 1.0), by_column=False), preprocess=Preprocessing()
)
ROWS, CODES = 4, 25


def answers(changed: int = 0, error: float = 0.0) -> dict:
    """Answers where some codes of row 1 are others, which changes its picture and its score."""
    codes = np.arange(ROWS * CODES, dtype="int32").reshape(ROWS, CODES)
    codes[1, :changed] += 1
    pictures = np.full((ROWS, 8), 0.5, "float32") + np.float32(error)
    pictures[1] += np.float32(0.1 * changed)
    return {
        "encode": {"z": codes},
        "reconstruct": {"reconstruction": pictures},
        "score": {"score": pictures.sum(axis=1)},
        "decode": {"reconstruction": pictures - np.float32(0.1 * changed)[None]},
    }


def found(**changes: float) -> dict:
    return differences(MODEL, answers(), answers(**changes))


def test_of_codes_it_counts_how_many_are_equal():
    difference = found(changed=3)["encode"]["z"]
    assert difference.equal == 0.97
    assert difference.relative == pytest.approx(0.03)
    assert found()["encode"]["z"].equal == 1.0


def test_what_follows_from_codes_is_compared_where_they_are_equal():
    for changed in (0, 3):
        others = found(changed=changed, error=1e-3)
        assert others["reconstruct"]["reconstruction"].largest == pytest.approx(1e-3, rel=1e-3)
        assert others["score"]["score"].largest == pytest.approx(8e-3, rel=1e-3)


def test_decoded_codes_are_given_so_every_row_is_compared():
    wrong = answers()
    wrong["encode"]["z"][1] += 1
    wrong["decode"]["reconstruction"][1] = 0.0
    assert differences(MODEL, answers(), wrong)["decode"]["reconstruction"].largest == 0.5


def test_without_a_row_of_equal_codes_all_are_compared():
    wrong = answers()
    wrong["encode"]["z"] += 1
    wrong["reconstruct"]["reconstruction"][0] = 0.0
    assert differences(MODEL, answers(), wrong)["reconstruct"]["reconstruction"].largest == 0.5


def test_real_codes_are_compared_as_numbers():
    real = [
        {**a, "encode": {"z": a["encode"]["z"].astype("float32")}}
        for a in (answers(), answers(changed=3))
    ]
    difference = differences(MODEL, *real)
    assert difference["encode"]["z"].equal is None
    assert difference["reconstruct"]["reconstruction"].largest == pytest.approx(0.3)


@pytest.mark.parametrize(("quantize", "good", "bad"), [("float16", 1, 2), ("int8", 5, 6)])
def test_too_few_equal_codes_are_refused(quantize, good, bad):
    tolerances.refuse_differences({"encode": found(changed=good)["encode"]}, quantize, None)
    with pytest.raises(ValueError, match=f"{1 - bad / 100:.2%} of equal codes where at least"):
        tolerances.refuse_differences({"encode": found(changed=bad)["encode"]}, quantize, None)


def test_a_bar_of_ones_own_is_a_psnr_for_codes_too():
    with pytest.raises(ValueError, match="a PSNR of at least 60 dB"):
        tolerances.refuse_differences({"encode": found(changed=6)["encode"]}, "int8", 70.0)
    tolerances.refuse_differences({"encode": found(changed=6)["encode"]}, "int8", 20.0)
