"""Recordings with time stamps and holes: gaps stay gaps at their steps, and words are refused."""

import numpy as np
import pytest

from keras_vae.errors import UsageError
from keras_vae.training.data.loading import load
from keras_vae.training.data.sources.csv_recording import as_dates, read_recording

NAN = np.nan
WANTED = np.array([[1.5, NAN], [NAN, 2.25], [NAN, NAN], [4.0, -1.0]])


def write(tmp_path, text, name="a.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


STAMPED = "time,a,b\n10:00,1.5,\n10:05,,2.25\n10:10,,\n10:15,4,-1\n"
READ = {
    "plain": "a,b\n1.5,\n,2.25\n,\n4,-1\n",
    "words": "a,b\n1.5,NaN\nn/a,2.25\n?,-\n4,-1\n",
    "no heading": "1.5,\n,2.25\n,\n4,-1\n",
    "gaps in the first row of words": "a,b\n1.5,null\nNone,2.25\nNA,nan\n4,-1\n",
    "decimal commas": "a;b\n1,5;\n;2,25\n;\n4,0;-1,0\n",
    "rows of nothing at the end": "a,b\n1.5,\n,2.25\n,\n4,-1\n,\n,\n",
    "pandas": ",a,b\n0,1.5,\n1,,2.25\n2,,\n3,4,-1\n",
    "utf-16": "a,b\n1.5,\n,2.25\n,\n4,-1\n".encode("utf-16"),
}


@pytest.mark.parametrize("name", READ)
def test_gaps_are_nan_at_their_steps(name, tmp_path):
    found = read_recording(write(tmp_path, READ[name]))
    np.testing.assert_array_equal(found.values, WANTED)
    assert found.names == (["column 1", "column 2"] if name == "no heading" else ["a", "b"])
    assert (found.stamps, found.stamp_name) == (["0", "1", "2", "3"], "step")


@pytest.mark.parametrize("column", ["time", "when"])
def test_time_stamps_are_kept_as_they_stand(column, tmp_path):
    path = write(tmp_path, STAMPED.replace("time", column))
    found = read_recording(path, column)
    np.testing.assert_array_equal(found.values, WANTED)
    assert found.stamps == ["10:00", "10:05", "10:10", "10:15"]
    assert (found.stamp_name, found.names) == (column, ["a", "b"])


START = np.datetime64("2026-03-01T00:00")
DATES = [str(START + n * np.timedelta64(5, "m")) for n in range(24)]
DAYS = np.arange(24) * np.timedelta64(7 * 60, "m")  # Into the next week.
HOUR_BACK = [*DATES[:12], *DATES[:12]]  # A clock at the end of summer time.


def stamped(tmp_path, stamps):
    rows = [f"{stamp};{n}" for n, stamp in enumerate(stamps)]
    return read_recording(write(tmp_path, "\n".join(["time;a", *rows])), "time")


FORMS = [
    "%d.%m.%Y %H:%M",
    "%d.%m.%y %H:%M:%S",
    "%m/%d/%Y %I:%M %p",
    "%d/%m/%Y %H:%M",
    "%Y/%m/%d %H:%M",
]
WRITTEN = [[f"{date.item():{form}}" for date in START + DAYS] for form in FORMS]


@pytest.mark.parametrize("stamps", [DATES, [f"{n},5" for n in range(24)], *WRITTEN])
def test_rows_with_the_newest_first_are_refused(stamps, tmp_path):
    assert stamped(tmp_path, stamps).stamps == stamps
    with pytest.raises(UsageError, match=r"order of time.*Received: .* after .*Sort the rows"):
        stamped(tmp_path, stamps[::-1])
    with pytest.raises(UsageError, match="order of time"):
        stamped(tmp_path, np.random.default_rng(0).permutation(stamps))


OTHER_STAMPS = {
    # The first days of 12 months of two years, where the month is first or the day.
    "months first": [f"{n % 12 + 1:02}/01/{2024 + n // 12}" for n in range(24)],
    "days first": [f"01/{n % 12 + 1:02}/{2024 + n // 12}" for n in range(24)],
    "dates of two forms": [*WRITTEN[0][12:], *WRITTEN[4][:12]],
    "no such days": [f"{31 - n % 2}.02.2026" for n in range(24)],
    "an hour back": HOUR_BACK,
    "hours of days": [str(n % 12) for n in range(24)],
    "words": ["b", "a"] * 12,
    "zones of some": [*DATES[12:18], *(f"{date}+01:00" for date in DATES[:18])],
}


@pytest.mark.parametrize("name", OTHER_STAMPS)
def test_stamps_whose_order_is_unknown_or_goes_back_at_times_are_taken(name, tmp_path):
    assert stamped(tmp_path, OTHER_STAMPS[name]).stamps == OTHER_STAMPS[name]


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S", *FORMS])
def test_dates_in_the_usual_forms_are_the_axis_of_a_plot(form):
    dates = (START + 3 * DAYS).tolist()  # Three weeks, whose days are more than the months.
    assert as_dates([f"{date:{form}}" for date in dates]) == dates


@pytest.mark.parametrize("name", ["months first", "days first"])
def test_dates_whose_day_and_month_may_be_either_way_are_no_axis(name):
    # Both readings go on in time, but only one of them is right.
    assert as_dates(OTHER_STAMPS[name][:12]) is None


def test_words_and_dates_of_two_forms_are_no_dates():
    for name in ("words", "hours of days", "no such days", "dates of two forms"):
        assert as_dates(OTHER_STAMPS[name]) is None


def test_columns_are_left_out_by_name(tmp_path):
    path = write(tmp_path, STAMPED)
    found = read_recording(path, "time", ["a"])
    np.testing.assert_array_equal(found.values, WANTED[:, 1:])
    assert found.names == ["b"]


BAD = {
    "a label": ("a,b\n1,2\n,ok\n3,4\n", {}, r"'ok' in row 3, column 2 \(b\)"),
    "infinity": ("a,b\n,2\n1,-inf\n", {}, r"'-inf' in row 3, column 2 \(b\)"),
    "thousands": ('a,b\n,1\n3,"1,234.5"\n', {}, r"'1,234.5' in row 3, column 2.*thousands"),
    "too large": ("a,b\n,1\n1,1\n2,1e39\n", {}, "1e39 in row 4"),
    "an empty column": ("a,b\n1,\n2,\n", {}, r"at least one number in column 2 \(b\)"),
    "stamps without a name": (STAMPED, {}, r"'10:00' in row 2, column 1 \(time\)"),
    "no such time": (STAMPED, {"time_column": "date"}, "time stamps.*'date'; the file has time"),
    "time to skip": (
        STAMPED,
        {"time_column": "time", "skip_columns": ["time"]},
        "--skip-columns than the --time-column. Received: time in both",
    ),
    "time alone": (
        "time\n10:00\n10:05\n",
        {"time_column": "time"},
        "numbers next to the --time-column",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_neither_a_number_nor_a_gap_is_refused_with_its_place(name, tmp_path):
    text, given, message = BAD[name]
    with pytest.raises(UsageError, match=f"^Expected .*{message}"):
        read_recording(write(tmp_path, text), **given)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"Expected a .csv, .tsv, .txt file. Received: .*a.npy"):
        read_recording(write(tmp_path, "", "a.npy"))


def test_text_in_a_column_recommends_the_options_that_the_program_has(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("time,a\n2026-03-01,1.5\n2026-03-02,2.5\n")
    with pytest.raises(UsageError, match=r"--time-column names the column of time.*--skip-columns"):
        read_recording(path)
    with pytest.raises(UsageError, match=r"'2026-03-01' in row 2.*convert it\.\)$"):
        load(f"series:{path}", window=1, columns=["time", "a"])
    with pytest.raises(UsageError, match="In keras-vae train, --skip-columns leaves"):
        load(f"series:{path}", window=1)
