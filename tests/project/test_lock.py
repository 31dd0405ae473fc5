"""The versions that CI installs, and the scripts that use them; nothing is installed here."""

import os
import re
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
LOCK = REPOSITORY / "requirements-ci.lock"
# Locks of extras that lie on top of the others in an environment of their own.
ON_TOP = {name: REPOSITORY / f"requirements-{name}.lock" for name in ("beam", "trackers")}
# What scripts/setup.sh installs for CI, in the words of pyproject.toml.
USED = "keras-vae[tensorflow-cpu,programs,dev,docs,backends,references]"


def lines(lock):
    return [line for line in lock.read_text().splitlines() if not line.startswith("#")]


def pins(lock):
    pairs = (line.split("==") for line in lines(lock))
    return {canonicalize_name(name): version for name, version in pairs}


def required(text, project):
    """All requirements behind one, with those of the extras that it names."""
    requirement = Requirement(text)
    if requirement.name != project["name"]:
        return [requirement]
    extras = [project["optional-dependencies"][name] for name in sorted(requirement.extras)]
    texts = [*project["dependencies"], *(text for extra in extras for text in extra)]
    return [found for text in texts for found in required(text, project)]


def needed():
    """Each requirement with the lock that must have it."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    script = (REPOSITORY / "scripts/setup.sh").read_text()
    beside = [Requirement(text) for text in re.findall(r'"([\w-]+[=>]=[\d.,<]+)"', script)]
    assert {found.name for found in beside} == {"tensorflow-serving-api", "torch"}
    found = [(LOCK, one) for one in [*required(USED, project), *beside]]
    for name, lock in ON_TOP.items():
        texts = project["optional-dependencies"][name]
        found += [(lock, Requirement(text)) for text in texts]
    return {str(one): (lock, one) for lock, one in found}


@pytest.mark.parametrize(("lock", "requirement"), needed().values(), ids=needed())
def test_every_dependency_is_pinned_within_its_range(lock, requirement):
    version = pins(lock)[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version), f"{requirement} is {version} (make lock)"


@pytest.mark.parametrize("lock", [LOCK, *ON_TOP.values()], ids=["all", *ON_TOP])
def test_a_lock_has_sorted_versions_and_nothing_else(lock):
    assert lines(lock) == sorted(lines(lock), key=str.upper)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line) for line in lines(lock))
    assert "keras-vae" not in pins(lock)
    assert re.match(r"# Python 3\.\d+ on \w+ \w+\n", lock.read_text())


# The scripts, with programs in place of pip and pip-audit that write down how they were called.


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def run(script, *arguments, **variables):
    return subprocess.run(
        [f"scripts/{script}.sh", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **{name: str(value) for name, value in variables.items()}},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.fixture
def environment(tmp_path):
    """A virtual environment whose pip only notes its arguments."""
    for name in ("pip", "python"):
        program(tmp_path / "venv/bin" / name, f'echo "$@" >> {tmp_path}/calls')
    return tmp_path


def calls(folder):
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def setup(folder, **variables):
    return run("setup", VENV=folder / "venv", **variables)


def test_set_up_installs_the_pinned_versions_where_they_fit(environment):
    lock = environment / "lock"
    lock.write_text(f"# {run('platform').stdout}")
    assert setup(environment, CONSTRAINTS=lock).returncode == 0
    assert len(calls(environment)) == 2
    assert all(f"--constraint {lock}" in call for call in calls(environment))


def test_set_up_says_that_versions_are_for_another_python(environment):
    lock = environment / "lock"
    lock.write_text("# Python 3.1 on Linux x86_64\n")
    result = setup(environment, CONSTRAINTS=lock)
    assert result.returncode == 0 and f"{lock} is not for Python" in result.stderr
    assert not any("--constraint" in call for call in calls(environment))


def test_set_up_without_constraints_takes_the_ranges(environment):
    assert setup(environment, CONSTRAINTS="").returncode == 0
    assert len(calls(environment)) == 2
    assert not any("--constraint" in call for call in calls(environment))


def test_set_up_takes_the_version_of_pytorch_that_the_tests_run_with(environment):
    assert setup(environment, CONSTRAINTS="", EXTRAS="backends").returncode == 0
    (call,) = calls(environment)
    assert "torch==" in call and "keras-vae" not in call and ",backends]" in call


@pytest.mark.parametrize("extra", ON_TOP)
def test_an_extra_comes_on_top_of_the_packages_that_are_there(environment, extra):
    for below in ("venv", f"venv/{extra}"):
        site = environment / below / "site"
        site.mkdir(parents=True)
        program(
            environment / below / "bin/python", f'echo "$@" >> {environment}/calls; echo {site}'
        )
    assert run("extra", extra, VENV=environment / "venv", CONSTRAINTS="").returncode == 0
    below = environment / f"venv/{extra}/site/packages_below.pth"
    assert below.read_text() == f"import site; site.addsitedir('{environment}/venv/site')\n"
    assert calls(environment)[-1].endswith(f"--editable .[{extra}]")


def test_set_up_installs_nothing_where_the_constraints_are_missing(environment):
    result = setup(environment, CONSTRAINTS=environment / "none")
    assert result.returncode == 2 and "Expected a file of pinned versions" in result.stderr
    assert calls(environment) == []


@pytest.mark.parametrize(
    ("audit", "code", "said"),
    [
        ("exit 0", 0, ""),
        ("echo 'numpy 1.0 PYSEC-1'; exit 1", 1, ""),
        ("echo 'ERROR: not found' >&2; exit 1", 2, "Received: an error of pip-audit"),
        ("exec sleep 20", 2, "Received: an error of pip-audit"),
    ],
    ids=["nothing", "a vulnerability", "no database", "no answer"],
)
def test_an_audit_tells_vulnerabilities_from_not_knowing(tmp_path, audit, code, said):
    program(tmp_path / "pip-audit", audit)
    program(tmp_path / "pip", "exit 0")
    program(
        tmp_path / "python",
        f'mkdir -p "$3/bin"; cp {tmp_path}/pip "$3/bin/python"; cp {tmp_path}/pip-audit "$3/bin"',
    )
    result = run("audit", PYTHON=tmp_path / "python", TMPDIR=tmp_path, AUDIT_SECONDS=2)
    assert result.returncode == code and said in result.stderr
    assert ("PYSEC-1" in result.stdout) == (code == 1)
    assert not list(tmp_path.glob("tmp.*"))
