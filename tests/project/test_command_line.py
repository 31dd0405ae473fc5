"""The page of the command line: it agrees with the programs, on any terminal."""

import pytest

from keras_vae import __main__ as keras_vae_command
from keras_vae import cli
from tools import command_line


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(command_line.command_line, list(map(str, arguments)))
    return stop.value.code


def test_the_page_agrees_with_the_programs():
    assert command_line.PAGE.read_text() == command_line.page_text(), (
        "Expected docs/command-line.md as the programs' help is. "
        "(Run: python -m tools.command_line)"
    )


def test_every_program_has_a_section_and_its_options():
    text = command_line.page_text()
    for name in keras_vae_command.PROGRAMS:
        section = text.partition(f"## keras-vae {name}\n")[2].partition("\n## ")[0]
        assert f"keras-vae {name}" in section
        assert "--help" in section


@pytest.mark.parametrize("columns", ["40", "250"])
def test_the_width_is_that_of_the_page_and_not_of_the_terminal(monkeypatch, columns):
    text = command_line.help_text("evaluate")
    monkeypatch.setenv("COLUMNS", columns)
    assert command_line.help_text("evaluate") == text
    lines = text.splitlines()
    assert text.isascii() and max(map(len, lines)) <= command_line.WIDTH
    assert all(line == line.rstrip() for line in lines)


def test_an_old_page_is_found_and_written_again(tmp_path, capsys):
    page = tmp_path / "page.md"
    assert run("--page", page, "--check") == 1
    assert "Run: python -m tools.command_line" in capsys.readouterr().out
    assert not page.exists()
    assert run("--page", page) == 0 and run("--page", page, "--check") == 0
    page.write_text(page.read_text() + "more\n")
    assert run("--page", page, "--check") == 1


def test_a_folder_that_is_missing_is_an_error(tmp_path, capsys):
    assert run("--page", tmp_path / "none" / "page.md") == 2
    assert "Expected a page in a folder that exists" in capsys.readouterr().err
