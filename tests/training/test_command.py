"""The command `keras-vae`: its programs, help that answers at once, words that name no program."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from keras_vae import __main__ as command
from keras_vae import cli


def status(words, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(words)
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


def test_help_lists_every_program(capsys):
    code, out, _ = status(["--help"], capsys)
    assert code == 0 and all(name in out for name in command.PROGRAMS)
    assert status([], capsys)[0] == 2


def test_every_program_explains_itself_without_keras_or_numpy():
    program = (
        "import contextlib, io, sys\n"
        "from keras_vae.__main__ import PROGRAMS, main\n"
        "for name in PROGRAMS:\n"
        "    out = io.StringIO()\n"
        "    try:\n"
        "        with contextlib.redirect_stdout(out): main([*name.split(), '--help'])\n"
        "    except SystemExit as end:\n"
        "        assert end.code == 0, (name, end.code)\n"
        "    assert name == 'train' or f'usage: keras-vae {name}' in out.getvalue(), name\n"
        "    assert len(out.getvalue()) > 300, name\n"
        "assert not {'keras', 'tensorflow', 'numpy', 'PIL'} & sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["verfy"], 2, "Did you mean 'verify'?"),
        (["export", "lite"], 2, "Did you mean 'export litert'?"),
        (["export"], 2, "export saved-model"),
        (["export", "--help"], 0, "export litert"),
        (["--version"], 0, "keras-vae 0"),
        (["train", "nothing"], 2, "Expected the name of a recipe"),
        (["evaluate", "nowhere"], 2, "Expected a run directory"),
    ],
)
def test_words_that_name_no_program_are_answered(words, code, said, capsys):
    found, out, err = status(words, capsys)
    assert found == code and said in out + err


def test_a_program_without_its_packages_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tyro", None)
    for name in [name for name in sys.modules if name == "keras_vae.export.verify"]:
        monkeypatch.delitem(sys.modules, name)
    code, _, err = status(["verify", "--help"], capsys)
    assert code == 2 and 'pip install "keras-vae[all]"' in err


def test_a_reader_that_ends_early_is_no_error():
    line = f"{sys.executable} -m keras_vae train --help | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("Train a recipe.\n", "")
    assert done.returncode in (0, cli.READER_ENDED)  # 0 if all was written before.


def test_every_program_imports_tensorflow_without_its_log(tmp_path):
    """By `cli.prepare_tensorflow`, which silences it, before any module that imports Keras."""
    for path in ("m.keras", "x.npy", "x.kvae", "x.tflite", "in/a.png"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    (tmp_path / "x.csv").write_text("a,b\n1.5,2\n,3\n")
    calls = [
        "train vae_digits",
        "evaluate m.keras --data digits",
        "predict m.keras x.npy out",
        "classify m.keras --data digits",
        "one-class",
        "anomalies x.csv",
        "export saved-model m.keras served",
        "export litert m.keras new.tflite",
        "verify x.tflite --against m.keras",
        "check m.keras",
        "explorer m.keras --data digits --out page",
        "compress m.keras in new",
        "decompress m.keras x.kvae new",
    ]
    program = (
        "import sys\n"
        "from keras_vae import cli\n"
        "from keras_vae.__main__ import main\n"
        "class Prepared(BaseException): pass\n"
        "def prepare(**_):\n"
        "    raise Prepared\n"
        "cli.prepare_tensorflow = prepare\n"
        "for call in sys.argv[1:]:\n"
        "    try: main(call.split())\n"
        "    except Prepared: pass\n"
        "    else: raise AssertionError(call)\n"
        "    assert not {'keras', 'tensorflow'} & sys.modules.keys(), call\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *calls], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


def _texts(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("folder", ["keras_vae", "training", "export"])
def test_no_text_names_a_page_that_only_a_clone_has(folder):
    files = Path(__file__).parents[2].joinpath(folder).rglob("*.py")
    named = {path.name: text for path in files for text in _texts(path) if "docs/" in text}
    assert named == {}


def test_the_list_of_recipes_tells_where_their_files_are(capsys):
    code, out, _ = status(["train", "--list"], capsys)
    folder = Path(re.search(r"files are in (\S+)\. ", out)[1])
    assert code == 0 and (folder / "conv_vae_digits.py").is_file()
