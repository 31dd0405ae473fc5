"""Numbers in text files as people have them: read as they are meant, or refused by place."""

import re

import numpy as np
import pytest

from keras_vae.errors import UsageError
from keras_vae.training.data.sources.csv_table import open_table

STEPS = np.random.default_rng(0).normal(size=(30, 2)).round(4)
A, B = STEPS.T


def read_table(path, skip_columns=()):
    table = open_table(path)
    table.skip(skip_columns)
    return table.values()


def lines(row, head=(), end="\n"):
    return end.join([*head, *map(row, range(len(STEPS)))]) + end


def plain(i, mark=","):
    return f"{A[i]:.4f}{mark}{B[i]:.4f}"


def with_commas(i, mark=";"):
    return plain(i, mark).replace(".", ",")


READ = {
    "no heading": lines(plain).encode(),
    "heading": lines(plain, ["a,b"]).encode(),
    "pandas index": lines(lambda i: f"{i},{plain(i)}", [",a,b"]).encode(),
    "pandas index, named": lines(lambda i: f"{i},{plain(i)}", ["Unnamed: 0,a,b"]).encode(),
    "decimal comma": lines(with_commas, ["a;b"]).encode(),
    "decimal comma, no heading": lines(with_commas).encode(),
    "decimal comma, tabs": lines(lambda i: with_commas(i, "\t"), ["a\tb"]).encode(),
    "semicolon": lines(lambda i: plain(i, ";"), ["a;b"]).encode(),
    "tabs": lines(lambda i: plain(i, "\t"), ["a\tb"]).encode(),
    "bars": lines(lambda i: plain(i, "|"), ["a|b"]).encode(),
    "spaces": lines(lambda i: plain(i, "   ")).encode(),
    "spaces in front": lines(lambda i: "  " + plain(i, "  ")).encode(),
    "spaces around commas": lines(lambda i: plain(i, " , "), ["a , b"]).encode(),
    "Windows": lines(plain, ["Température,°C"]).encode("cp1252"),
    "UTF-16": lines(plain, ["a,b"]).encode("utf-16"),
    "UTF-16, big": b"\xfe\xff" + lines(plain, ["a,b"]).encode("utf-16-be"),
    "UTF-8 of Excel": lines(plain, ["a,b"], "\r\n").encode("utf-8-sig"),
    "old Mac": lines(plain, ["a,b"], "\r").encode(),
    "quotation marks": lines(lambda i: f'"{A[i]}","{B[i]}"', ['"a","b"']).encode(),
    "comma at the end": lines(lambda i: plain(i) + ",", ["a,b,"]).encode(),
    "comma at the end of rows": lines(lambda i: plain(i) + ",", ["a,b"]).encode(),
    "comment": lines(plain, ["# made by logger", "", "a,b"]).encode(),
    "empty lines": lines(plain, ["a,b"], "\n\n").encode(),
    "empty rows": (lines(plain, ["a,b"]) + ",\n,\n").encode(),
    "exponents": lines(lambda i: f"{A[i]:e},{B[i]:+.6E}", ["a,b"]).encode(),
    "heading with a number": lines(plain, ["a,2020"]).encode(),
    "one name missing at the end": lines(plain, ["a,"]).encode(),
    "pandas index and numbers": lines(lambda i: f"{i},{plain(i)}", [",0,1"]).encode(),
    "pandas index and years": lines(lambda i: f"{i},{plain(i)}", [",2019,2020"]).encode(),
    "separator of Excel": lines(with_commas, ["sep=;", "a;b"], "\r\n").encode("utf-8-sig"),
    "separator of Excel, quoted": lines(with_commas, ['"sep=;"', "# by Excel", "a;b"]).encode(),
    "separator of Excel, tab": lines(lambda i: with_commas(i, "\t"), ["SEP=\t"]).encode(),
    "separator that only Excel's line tells": lines(lambda i: plain(i, ":"), ["sep=:"]).encode(),
    "a first step of zeros": lines(plain, ["0,0"]).encode(),
    "a whole first step over others": lines(plain, ["1,2", "3,0.5"]).encode(),
}


TWO = {"a whole first step over others": 2}


@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_as_it_is_meant(tmp_path, name):
    (tmp_path / "a.csv").write_bytes(READ[name])
    found = read_table(tmp_path / "a.csv")
    np.testing.assert_allclose(found[len(found) - len(STEPS) :], STEPS, rtol=1e-5)
    assert len(found) - len(STEPS) == {"a first step of zeros": 1, **TWO}.get(name, 0)


@pytest.mark.parametrize("name", ["Temperature (C)", '"Temperature (C)"', '"Temp, inner"', "T"])
def test_one_column_may_have_a_name_of_several_words(tmp_path, name):
    (tmp_path / "a.csv").write_text(lines(lambda i: f"{A[i]:.4f}", [name]))
    np.testing.assert_allclose(read_table(tmp_path / "a.csv")[:, 0], A)


def cell(text, row=7, column=1):
    def one(i):
        cells = [str(A[i]), str(B[i])]
        if i == row:
            cells[column] = text
        return ",".join(cells)

    return lines(one, ["a,b"])


REFUSED = {
    "an empty cell": (cell(""), r"an empty cell in row 9, column 2 \(b\).*take gaps in series"),
    "an empty cell in the first row": (cell("", 0, 0)[4:], "an empty cell in row 1, column 1"),
    "NaN": (cell("NaN"), "'NaN' in row 9"),
    "NaN in the first row": (cell("nan", 0, 0)[4:], "'nan' in row 1, column 1"),
    "a question mark": (cell("?"), r"'\?' in row 9"),
    "infinity": (cell("inf"), "'inf' in row 9"),
    "an underscore, as Python writes": (cell("1_000"), "'1_000' in row 9"),
    "too large": (cell("1e39"), "float32 can hold. Received: 1e39 in row 9"),
    "thousands": (cell('"1,234"'), "'1,234' in row 9.*a comma in quotation marks"),
    "thousands with points": (
        lines(lambda i: f"1.234,5;{A[i]}".replace("0.", "0,"), ["a;b"]),
        r"'1\.234,5' in row 2, column 1 \(a\): marks of thousands.*1234,5",
    ),
    "thousands with commas": (
        lines(lambda i: f"1,234.5;{A[i]}", ["a;b"]),
        r"'1,234\.5' in row 2, column 1 \(a\): marks of thousands.*1234\.5",
    ),
    "thousands in all of the first row": (
        lines(with_commas, ["1 234,5;2 345,6"]),
        "'1 234,5' in row 1, column 1: marks of thousands",
    ),
    "a comment in the middle": (
        lines(plain, ["a,b"]) + "# restart\n1,2\n",
        "comments before the first row.*Received: '# restart' in row 32.*[Rr]emove",
    ),
    "a comment with commas": (
        lines(plain, ["a,b"]) + "# restart, again\n1,2\n",
        "comments before the first row.*Received: '# restart' in row 32",
    ),
    "a comment under the heading": (
        lines(plain, ["a,b", "#V,A"]),
        "comments before the first row.*Received: '#V' in row 2",
    ),
    "units": (lines(plain, ["a,b", "[V],[A]"]), r"'\[V\]' in row 2, column 1 \(a\)"),
    "time": (
        lines(lambda i: f"2020-01-01 00:{i:02}:00,{A[i]}", ["time,a"]),
        r"'2020-01-01 00:00:00' in row 2, column 1 \(time\)",
    ),
    "time, no heading": (lines(lambda i: f"00:{i:02}:00,{A[i]}"), "'00:00:00' in row 1, column 1"),
    "labels": (lines(lambda i: f"{plain(i)},ok", ["a,b,label"]), r"'ok' in row 2, column 3"),
    "numbered heading": (lines(plain, ["0,1"]), "row 1 of .*a.csv. Received: 0, 1, which may be"),
    "numbered heading of whole numbers": (
        lines(lambda i: f"{7 * i},{9 * i}", ["0,1"]),
        "row 1 of .*a.csv. Received: 0, 1, which may be both",
    ),
    "years": (
        lines(plain, ["2019,2020"]),
        "Received: 2019, 2020, .*the step with decimals: 2019.0",
    ),
    "counted from 1": (lines(with_commas, ["1;2"]), "Received: 1, 2, which may be both"),
    "a number over one column": (lines(lambda i: f"{A[i]:.4f}", ["0"]), "Received: 0, which may"),
    "names with blanks between blanks": (
        lines(lambda i: plain(i, "  "), ["Temp (C)  Hum (%)"]),
        "Received: 4 names.*without blanks",
    ),
    "one decimal comma": (
        lines(lambda i: f"{abs(A[i]):.4f}".replace(".", ","), ["x"]),
        "2 columns",
    ),
    "one decimal comma, no heading": (
        lines(lambda i: f"{i},{i:04}"),
        "'0000' in row 1, column 2: digits behind a 0",
    ),
    "two columns of one name": (
        lines(lambda i: f"{plain(i)},{i}.5", ["temp,a,temp"]),
        r"names that differ, in .*a.csv. Received: 'temp' of columns 1 and 3",
    ),
    "the name that a column without one gets": (
        lines(lambda i: f"{plain(i)},{i}.5", ["column 2,,b"]),
        "Received: 'column 2' of columns 1 and 2",
    ),
    "two marks": (lines(lambda i: f"{A[i]};{with_commas(i, ';')}"), "a comma, and others a point"),
    "ragged": (lines(plain, ["a,b"]) + "1,2,3\n", "2 columns in row 2, and 3 in row 32"),
    "an open quotation mark": (
        lines(plain, ["a,b"]) + '"1,2\n3,4\n',
        "row of numbers in each line",
    ),
    "a cell without end": ("a,b\n" + "1" * 200_000 + ",2\n", "field larger than field limit"),
    "nothing": ("", "0 rows of numbers"),
    "a heading alone": ("a,b\n", "0 rows of numbers"),
    "seconds since 1970": (
        lines(lambda i: f"{1577836800 + i},{A[i]}", ["time,a"]),
        r"float32 tells apart. Received: 1577836800 and others in column 1 \(time\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_number_or_unclear_is_refused_with_its_place(tmp_path, name):
    content, message = REFUSED[name]
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(UsageError, match=f"(?s){message}") as error:
        read_table(tmp_path / "a.csv")
    assert "a.csv" in str(error.value)


@pytest.mark.parametrize("head", [[], ["a;b"]], ids=["no heading", "heading"])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [("1 234,5", "1234,5"), ("-1'234'567,5", "-1234567,5"), ("1\u202f234", "1234")],
)
def test_marks_of_thousands_are_shown_as_they_stand(tmp_path, text, wanted, head):
    (tmp_path / "a.csv").write_text(lines(lambda i: f"{text};{2 * i}", head), "utf-8")
    place = f"{re.escape(repr(text))} in row {len(head) + 1}, column 1"
    with pytest.raises(UsageError, match=f"{place}.*thousands.*such as {wanted}"):
        read_table(tmp_path / "a.csv")


def test_what_is_no_text_is_refused(tmp_path):
    for content in (lines(plain).encode("utf-16-le"), b"PK\3\4\0\0"):
        (tmp_path / "a.csv").write_bytes(content)
        with pytest.raises(UsageError, match="Expected text.*a.csv.*zero byte"):
            read_table(tmp_path / "a.csv")


STAMPED = lines(
    lambda i: f"2026-03-01T00:{i:02d},{plain(i)},{'ok' if i % 2 else ''}", ["time,a,b,status"]
)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [(["time", "status"], STEPS), (("status", "a", "time"), STEPS[:, 1:])],
)
def test_columns_are_left_out_by_name(names, wanted, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(STAMPED)
    np.testing.assert_array_equal(read_table(path, names), wanted)
    with pytest.raises(UsageError, match=r"column 1 \(time\).*--skip-columns"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        (STAMPED, ["Time"], "Received: 'Time'; the file has time, a, b, status"),
        (STAMPED, ["time", "time"], "each column to skip once. Received: time more"),
        (STAMPED, ["time", "a", "b", "status"], "at least one column to keep.*time, a, b, status"),
        (lines(plain), ["a"], "Received: 'a'; the file has no names"),
        (lines(plain, ["a,a"]), ["a"], "of a name of its own"),
    ],
)
def test_a_column_that_cannot_be_left_out_is_refused(text, names, message, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_table(path, names)
