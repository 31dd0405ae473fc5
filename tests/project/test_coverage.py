"""The table of `make coverage`."""

from tools import coverage


def file(all_lines, covered):
    summary = {"num_statements": all_lines, "covered_lines": covered}
    summary["percent_covered"] = 100 * covered / all_lines
    return {"summary": summary, "missing_lines": list(range(all_lines - covered))}


REPORT = {
    "files": {
        "keras_vae/losses/terms.py": file(10, 9),
        "keras_vae/losses/weights.py": file(30, 21),
        "keras_vae/random.py": file(20, 20),
        "export/litert/writer.py": file(40, 40),
    }
}


def test_lines_are_summed_by_package():
    assert {name: dict(lines) for name, lines in coverage.counts(REPORT).items()} == {
        "export": {"all": 40, "covered": 40},
        "keras_vae": {"all": 20, "covered": 20},
        "keras_vae/losses": {"all": 40, "covered": 30},
        "all": {"all": 100, "covered": 90},
    }


def test_the_table_has_a_column_for_each_report_and_names_modules_with_few_covered_lines():
    whole = {"files": {path: file(10, 10) for path in REPORT["files"]}}
    lines = list(coverage.table([REPORT, whole]))
    assert "| keras_vae/losses | 40 | 75.0 % | 100.0 % |" in lines
    assert "| all | 100 | 90.0 % | 100.0 % |" in lines
    assert lines[-1:] == ["- `keras_vae/losses/weights.py`: 70 %, 9 lines missing"]
    assert not any("terms.py" in line for line in lines)
