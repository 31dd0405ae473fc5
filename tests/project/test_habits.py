"""Changelog, citation, workflows, and forms: GitHub takes them, and they agree with the project."""

import functools
import itertools
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from check_jsonschema.cli import main as check_jsonschema
from click.testing import CliRunner

import keras_vae

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted(path.name for path in (GITHUB / "workflows").iterdir())
FORMS = sorted(path.name for path in (GITHUB / "ISSUE_TEMPLATE").iterdir())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Files, each with the schema of check-jsonschema that says what their reader takes.
SCHEMAS = {
    **{f".github/workflows/{name}": "vendor.github-workflows" for name in WORKFLOWS},
    **{f".github/ISSUE_TEMPLATE/{name}": "vendor.github-issue-forms" for name in FORMS},
    ".github/ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
    ".github/dependabot.yml": "vendor.dependabot",
    "CITATION.cff": "vendor.citation-file-format",
}
PAGES = (
    *("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"),
    *("docs/dev/versions.md", ".github/PULL_REQUEST_TEMPLATE.md"),
)
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
SYSTEMS = {"ubuntu-latest", "macos-latest"}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


@functools.cache
def workflow(name):
    # YAML 1.1 reads the key "on" as true.
    return yaml.safe_load(read(f".github/workflows/{name}"))


def steps(name):
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


@functools.cache
def makefile():
    """The targets of the Makefile, each with its commands."""
    rules = re.findall(r"^([a-z-]+):(?!=)[^\n]*\n((?:\t.*\n?)*)", read("Makefile"), re.MULTILINE)
    return dict(rules)


def targets(text):
    """The targets that `make` is called with, in code or in the commands of a workflow."""
    calls = re.findall(r"(?:^|[`;&])\s*(make [^`;&#\n]+)", text, re.MULTILINE)
    words = [word for call in calls for word in shlex.split(call)[1:]]
    return {word for word in words if "=" not in word and not word.startswith("-")}


def refusals(schema, *paths):
    """What check-jsonschema says against files, or ""."""
    result = CliRunner().invoke(check_jsonschema, ["--builtin-schema", schema, *map(str, paths)])
    return "" if result.exit_code == 0 else result.output


# What GitHub reads.


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_a_file_has_the_keys_that_its_reader_takes(name, schema):
    assert refusals(schema, ROOT / name) == ""


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_ends_at_a_time_limit(name):
    limits = "custom.github-workflows-require-timeout"
    assert refusals(limits, GITHUB / "workflows" / name) == ""


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        (".github/workflows/test.yml", "runs-on:", "run-on:"),
        (".github/dependabot.yml", "weekly", "sometimes"),
        (".github/ISSUE_TEMPLATE/bug.yml", "type: textarea", "type: text"),
        ("CITATION.cff", "title:", "name:"),
    ],
)
def test_a_wrong_key_or_value_is_found(tmp_path, name, right, wrong):
    path = tmp_path / Path(name).name
    path.write_text(read(name).replace(right, wrong, 1))
    assert refusals(SCHEMAS[name], path)


@pytest.mark.parametrize("name", [name for name in FORMS if name != "config.yml"])
def test_the_fields_of_a_form_have_different_names(name):
    body = yaml.safe_load(read(f".github/ISSUE_TEMPLATE/{name}"))["body"]
    ids = [field["id"] for field in body if field["type"] != "markdown"]
    labels = [field["attributes"].get("label") for field in body]
    assert len(ids) == len(set(ids)) and len(labels) == len(set(labels))


# Workflows and make.


@pytest.mark.parametrize("name", [".ci/run", *PAGES, "README.md", ".pre-commit-config.yaml"])
def test_every_make_target_that_a_file_names_exists(name):
    assert targets(read(name)) <= set(makefile())


def test_make_targets_are_found_in_text():
    assert targets('`make a`, make b\nmake c ARGS="x -k y"  # d\nA=1; make -j e') == {*"ace"}
    assert "check" in makefile() and "PYTHON" not in makefile()


@pytest.mark.parametrize(
    ("name", "called"),
    [("test.yml", {"check", "test", "test-backends"}), ("release.yml", {"wheel-check"})],
)
def test_workflows_call_make_targets_that_exist(name, called):
    found = set().union(*(targets(step.get("run", "")) for step in steps(name)))
    assert found == called and called <= set(makefile())


def test_the_suite_runs_on_every_declared_python_and_on_both_systems():
    prefix = "Programming Language :: Python :: 3."
    declared = {c.removeprefix(prefix) for c in PROJECT["classifiers"] if c.startswith(prefix)}
    matrix = workflow("test.yml")["jobs"]["test"]["strategy"]["matrix"]
    runs = set(itertools.product(matrix["system"], matrix["python"]))
    assert runs == set(itertools.product(SYSTEMS, (f"3.{minor}" for minor in declared)))
    assert PROJECT["requires-python"] == f">=3.{min(map(int, declared))}"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_jobs_for_one_python_use_the_one_that_versions_are_pinned_for(name):
    pinned = re.match(r"# Python (3\.\d+) on Linux", read("requirements-ci.lock"))
    for step in steps(name):
        version = step.get("with", {}).get("python-version", "${{ matrix.python }}")
        assert version in ("${{ matrix.python }}", pinned[1])
    assert "CONSTRAINTS: requirements-ci.lock" in read(f".github/workflows/{name}")


def test_actions_are_pinned_to_one_commit_each():
    lines = [line for name in WORKFLOWS for line in read(f".github/workflows/{name}").splitlines()]
    uses = {line.split("uses: ")[1] for line in lines if "uses: " in line}
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in uses)
    assert len({use.split("@")[0] for use in uses}) == len(uses)


def test_no_workflow_writes_or_keeps_a_password():
    for name in WORKFLOWS:
        assert workflow(name)["permissions"] in ({}, {"contents": "read"})
        assert "secrets." not in read(f".github/workflows/{name}")
        checkouts = [s for s in steps(name) if s.get("uses", "").startswith("actions/checkout@")]
        assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_only_a_tag_is_published_after_all_checks_and_a_review():
    jobs = workflow("release.yml")["jobs"]
    publish = jobs["publish"]
    assert publish["if"] == "github.ref_type == 'tag' && github.event_name == 'push'"
    assert publish["needs"] == "build" and publish["environment"] == {"name": "pypi"}
    assert publish["permissions"] == {"id-token": "write"}
    assert jobs["build"]["permissions"] == {"contents": "read"}


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        (f"v{PROJECT['version']}", ""),
        ("v9.9.9", f"Expected the tag v{PROJECT['version']}. Received: v9.9.9."),
        (PROJECT["version"], "Expected the tag"),
    ],
)
def test_a_release_refuses_a_tag_that_is_not_the_version(tmp_path, tag, said):
    (tmp_path / "python").symlink_to(sys.executable)
    script = next(s["run"] for s in steps("release.yml") if "tag with" in s.get("name", ""))
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "GITHUB_REF_NAME": tag},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == (1 if said else 0) and said in done.stdout


def test_commits_are_checked_by_the_commands_of_make_check():
    (repository,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    hooks = repository["hooks"]
    assert repository["repo"] == "local"
    assert all({"id", "name", "entry", "language"} <= set(hook) for hook in hooks)
    commands = re.findall(r"@\$\(BIN\)/(.+)", makefile()["check"])
    plain = {re.sub(r" --check| \.$", "", command).replace(" .", "") for command in commands}
    found = {hook["entry"].removeprefix(".venv/bin/") for hook in hooks}
    assert {entry.removesuffix(" --force-exclude") for entry in found} == plain


# Versions.


def headings():
    return re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)


def test_the_changelog_begins_with_unreleased_and_goes_back_in_time():
    first, *versions = headings()
    assert first == "[Unreleased]"
    form = re.compile(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)")
    matches = [form.fullmatch(heading) for heading in versions]
    assert all(matches), versions
    numbers = [tuple(map(int, match[1].split("."))) for match in matches]
    assert numbers == sorted(numbers, reverse=True)
    assert [match[2] for match in matches] == sorted((m[2] for m in matches), reverse=True)


def test_changes_have_the_usual_headings_and_no_empty_sections():
    text = read("CHANGELOG.md")
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= KINDS
    assert not re.search(r"^### .+\n+(#|\Z)", text, re.MULTILINE)


def test_one_version_stands_in_package_changelog_and_citation():
    version = PROJECT["version"]
    assert keras_vae.__version__ == version
    assert yaml.safe_load(read("CITATION.cff"))["version"] == version
    assert any(heading.startswith(f"[{version}] - ") for heading in headings())
    assert yaml.safe_load(read("CITATION.cff"))["license"] == PROJECT["license"]


def test_the_version_policy_names_the_versions_that_the_package_takes():
    text = read("docs/dev/versions.md")
    extras = PROJECT["optional-dependencies"]
    wanted = {
        "Keras": PROJECT["dependencies"],
        **{"TensorFlow": extras["tensorflow"]},
        **{name: extras["backends"] for name in ("JAX", "PyTorch")},
    }
    for name, requirements in wanted.items():
        package = {"PyTorch": "torch"}.get(name, name.lower())
        least = re.search(rf"^{package}>=([\d.]+)", "\n".join(requirements), re.MULTILINE)
        assert f"| {name} | {least[1]} or newer" in text


# Links.


@pytest.mark.parametrize("name", [page for page in PAGES if not page.startswith("docs/")])
def test_links_lead_to_files_and_headings_that_exist(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", read(name)):
        path, _, anchor = target.partition("#")
        if "://" not in target:
            found = ROOT / Path(name).parent / path
            assert found.exists(), target
            titles = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE) if anchor else []
            assert not anchor or anchor in [re.sub(r"\W+", "-", t.lower()) for t in titles], target
