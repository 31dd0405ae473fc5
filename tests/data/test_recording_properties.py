"""Windows, masks and point scores use what they are given as documented, or refuse it."""

import numpy as np
from hypothesis import strategies as st

import keras_vae as kv
from tests.support.borders import DEPTHS, INFINITY, NAN, SMALL, attempt, explore, is_whole, whole
from tests.support.models import uniform
from tests.validation.test_argument_properties import WRITTEN

STEPS = uniform(9, 2)
MOST = {"steps": 12, "length": 5, "stride": 5}


@DEPTHS
def test_windows_are_slices_of_the_recording(examples):
    def check(length, stride, recording):
        good = is_whole(length) and length <= 9 and (stride is None or is_whole(stride))
        found = attempt(lambda: kv.windows(recording(STEPS), length, stride), good)
        if found is not None:
            apart = length if stride is None else stride
            wanted = [STEPS[i : i + length] for i in range(0, 9 - length + 1, int(apart))]
            np.testing.assert_array_equal(found, wanted)

    forms = st.sampled_from([WRITTEN[n] for n in ("as it is", "a tensor", "nested lists")])
    explore(examples, check, length=whole(-1, 11), stride=whole(-1, 11), recording=forms)


@DEPTHS
def test_point_scores_are_of_the_windows_that_cover_a_step(examples):
    def check(steps, length, stride, reduce, per_step):
        sizes = [steps, length, length if stride is None else stride]
        good = all(map(is_whole, sizes)) and length <= steps and reduce in ("mean", "max")
        starts = range(0, steps - length + 1, int(sizes[2])) if good else range(3)
        width = int(length) if good else 2
        scores = uniform(len(starts), width) if per_step else uniform(len(starts))
        found = attempt(lambda: kv.point_scores(scores, steps, length, stride, reduce), good)
        if found is not None:
            each = np.full((len(starts), steps), np.nan)
            for row, start in enumerate(starts):
                each[row, start : start + length] = scores[row]
            covered = ~np.isnan(each).all(0)
            np.testing.assert_array_equal(np.isnan(found), ~covered)
            wanted = {"mean": np.nanmean, "max": np.nanmax}[reduce](each[:, covered], axis=0)
            np.testing.assert_allclose(found[covered], wanted, rtol=1e-6)

    numbers = {name: whole(1, most, SMALL) for name, most in MOST.items()}
    numbers["stride"] = whole(1, MOST["stride"])
    reduce = st.one_of(st.sampled_from(["mean", "max"]), st.sampled_from(["sum", None, 3, ["max"]]))
    explore(examples, check, **numbers, reduce=reduce, per_step=st.booleans())


@DEPTHS
def test_a_mask_tells_what_is_missing(examples):
    def check(numbers, shape, masked):
        x = np.resize(numbers, shape).astype("float64")
        good = (
            len(shape) == 3 and not np.isinf(x).any() and (masked is True or masked == "features")
        )
        found = attempt(lambda: kv.with_mask(x.tolist() if x.size else x, masked), good)
        if found is not None:
            present = ~np.isnan(x)
            np.testing.assert_allclose(found[0], np.where(present, x, 0), rtol=1e-6)
            np.testing.assert_array_equal(found[1], present.all(2) if masked is True else present)

    number = st.sampled_from([0.0, 1.5, -2.0, NAN, NAN, INFINITY])
    numbers = st.lists(number, min_size=1, max_size=6)
    shapes = st.sampled_from([(2, 3, 2), (1, 1, 1), (2, 3), (6,), (1, 2, 1, 1)])
    masked = st.sampled_from([True, True, "features", "features", False, None, 1, "steps", ["a"]])
    explore(examples, check, numbers=numbers, shape=shapes, masked=masked)
