"""Several workers train as one does, and none waits for ever for another."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_vae import cli
from keras_vae.training.distributed import cluster
from keras_vae.training.distributed.workers import Workers
from keras_vae.training.train import main
from tests.support import killed, two_workers

pytestmark = pytest.mark.tensorflow

RECIPE = '''
from keras_vae.training.recipes import Recipe

def recipe(image_shape: tuple = (8, 8, 1), seed: int = 0) -> Recipe:
    """Without noise, which workers draw each for itself."""
    import keras
    import keras_vae as kv

    model = kv.Autoencoder(*kv.nets.dense(image_shape, 2, (16,)))
    return Recipe(model, keras.optimizers.Adam(1e-2), data="digits", epochs=4, batch_size=16)
'''
HOSTS = "a:1,b:2"
CONFIG = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}


def hosts():
    """Two addresses that are free now."""
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("localhost", 0))
    found = [f"localhost:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return ",".join(found)


def start(words, log, **environment):
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", *map(str, words)],
            cwd=killed.ROOT,
            env={**killed.ENVIRONMENT, **environment},
            stdout=file,
            stderr=file,
        )


def start_both(words, folder, addresses):
    return [
        start(words(i), folder / f"log{i}.txt", WORKER_HOSTS=addresses, WORKER_INDEX=str(i))
        for i in range(2)
    ]


def config_of(addresses, index):
    return cluster.Cluster(tuple(addresses.split(",")), index).as_config()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What two workers, and then one alone, have trained; by process and name."""
    folder, addresses = tmp_path_factory.mktemp("workers"), hosts()
    files = [folder / f"{i}.npz" for i in range(2)]
    processes = [
        start(
            ("tests.support.two_workers", files[i]),
            folder / f"{i}.txt",
            TF_CONFIG=config_of(addresses, i),
        )
        for i in range(2)
    ]
    alone = two_workers.results()
    for i, process in enumerate(processes):
        assert process.wait(timeout=300) == 0, (folder / f"{i}.txt").read_text()[-3000:]
    return [*(dict(np.load(path)) for path in files), alone]


@pytest.mark.parametrize("kind", ["floats", "bytes", "scaled"])
def test_two_workers_end_with_the_weights_and_logs_of_one(results, kind):
    first, second, alone = results
    names = sorted(name for name in alone if name.startswith(kind))
    assert len(names) == 10 + (kind == "scaled")
    for name in names:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
        np.testing.assert_allclose(first[name], alone[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_keras_itself_cannot_yet(results):
    """When this fails, `logs_for_keras` and `KnownShapes` of keras_vae.backend can go."""
    found = {name: str(results[0][f"refusal/{name}"]) for name in ("bytes", "floats")}
    assert "uint8" in found["bytes"]
    assert "Invalid reduction dimension 0 for input with 0 dimensions" in found["floats"]


def test_a_lost_worker_ends_the_other_and_both_go_on_after_the_last_whole_epoch(tmp_path):
    recipe, out = tmp_path / "plain.py", tmp_path / "run"
    recipe.write_text(RECIPE)
    options = ("--limit", "100", "--strategy", "multiworker", "--worker-timeout", "60")

    def words(more=options):
        return lambda i: ("training.train", recipe, "--out", out, *more)

    first, second = start_both(words(), tmp_path, hosts())
    while not (out / "metrics.jsonl").exists() and first.poll() is None:
        time.sleep(0.01)
    second.send_signal(signal.SIGKILL)
    log = tmp_path / "log0.txt"
    assert first.wait(timeout=120) == cli.TERMINATED, log.read_text()
    assert "Error: Expected all workers to go on. Received, in worker 0 of 2:" in log.read_text()
    second.wait()
    for i, process in enumerate(start_both(words(["--resume"]), tmp_path, hosts())):
        assert process.wait(timeout=120) == 0, (tmp_path / f"log{i}.txt").read_text()
    with pytest.raises(SystemExit) as end:
        main([str(recipe), "--out", str(tmp_path / "one"), "--limit", "100"])
    assert end.value.code == 0
    several, one = killed.lines(out), killed.lines(tmp_path / "one")
    assert len(several) == 4
    for line, other in zip(several, one, strict=True):
        assert line == pytest.approx(other, rel=1e-5)
    for a, b in zip(
        *(killed.values(f / "model.keras") for f in (out, tmp_path / "one")), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    assert {path.name for path in out.iterdir()} == {
        "config.json",
        "logs",
        "metrics.jsonl",
        "model.keras",
        "pictures",
    }


def test_a_worker_whose_peers_never_come_says_so_and_ends(tmp_path):
    recipe = tmp_path / "plain.py"
    recipe.write_text(RECIPE)
    words = ("training.train", recipe, "--out", tmp_path / "run", "--strategy", "multiworker")
    log = tmp_path / "log.txt"
    process = start((*words, "--worker-timeout", "3"), log, WORKER_HOSTS=hosts(), WORKER_INDEX="0")
    try:
        assert process.wait(timeout=120) == -signal.SIGKILL
    finally:
        process.kill()
    assert "Received, in worker 0 of 2: no step for 3 seconds" in log.read_text()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "environment, index",
    [
        ({"TF_CONFIG": json.dumps(CONFIG)}, 1),
        ({"WORKER_HOSTS": HOSTS, "WORKER_INDEX": "1"}, 1),
        ({"WORKER_HOSTS": HOSTS, "JOB_COMPLETION_INDEX": "0"}, 0),
        ({"WORKER_HOSTS": HOSTS, "HOSTNAME": "vae-1"}, 1),
    ],
)
def test_the_cluster_is_found_in_the_environment(environment, index):
    assert cluster.find(environment) == cluster.Cluster(("a:1", "b:2"), index)


def test_a_chief_comes_first():
    groups = {"chief": ["c:1"], "worker": ["a:1"]}
    for task, index in ((("chief", 0), 0), (("worker", 0), 1)):
        config = {"cluster": groups, "task": dict(zip(("type", "index"), task, strict=True))}
        found = cluster.find({"TF_CONFIG": json.dumps(config)})
        assert found == cluster.Cluster(("c:1", "a:1"), index)


def test_slurm_says_who_takes_part(monkeypatch):
    values = ("3", "4", "node[1-2]", "2(x2)")
    for name, value in zip(cluster.SLURM, values, strict=True):
        monkeypatch.setenv(name, value)
    assert cluster.find(os.environ) is None
    hosts = ("node1:8888", "node1:8889", "node2:8888", "node2:8889")
    assert cluster.of_slurm() == cluster.Cluster(hosts, 3)


def changed(**changes):
    return {"TF_CONFIG": json.dumps({**CONFIG, **changes})}


@pytest.mark.parametrize(
    "environment, message",
    [
        ({}, "Expected TF_CONFIG, or WORKER_HOSTS .* Received: none of them"),
        ({"TF_CONFIG": "{"}, "Expected TF_CONFIG such as"),
        ({"TF_CONFIG": "[]"}, "Expected TF_CONFIG such as"),
        ({"TF_CONFIG": '{"cluster": {}}'}, "KeyError.'task'"),
        (changed(cluster={"worker": []}), "Expected host:port of each worker"),
        (changed(cluster={"worker": ["a", "b"]}), "Expected host:port of each worker"),
        (changed(cluster={"worker": ["a:1", "a:1"]}), "Expected each host:port once"),
        (changed(cluster={"worker": ["a:1"], "ps": ["b:1"]}), "types chief and worker"),
        (changed(task={"type": "worker", "index": 2}), "index from 0 to 1 .* Received: 2"),
        (changed(task={"type": "worker", "index": "0"}), "index from 0 to 1 .* Received: '0'"),
        (changed(task={"type": "ps", "index": 0}), "Expected the task worker, or chief 0"),
        ({"WORKER_HOSTS": HOSTS}, "Expected WORKER_INDEX"),
        ({"WORKER_HOSTS": HOSTS, "WORKER_INDEX": "one"}, "Received: 'one'"),
        ({"WORKER_HOSTS": HOSTS, "WORKER_INDEX": "2"}, "Received: 2"),
        ({"WORKER_HOSTS": "a,b", "WORKER_INDEX": "0"}, "Expected host:port of each"),
    ],
)
def test_an_environment_that_cannot_be_is_refused(environment, message):
    with pytest.raises(ValueError, match=message):
        cluster.find(environment)


@pytest.mark.parametrize(
    "words, message",
    [
        (("--strategy", "mirrored"), "Expected at least 2 GPUs for --strategy mirrored"),
        (("--strategy", "multiworker"), "Expected TF_CONFIG, or WORKER_HOSTS"),
        (("--strategy", "multiworker", "--steps-per-execution", "2"), "Received: 2."),
        (("--worker-timeout", "0"), "Expected --worker-timeout above 0"),
    ],
)
def test_what_a_strategy_lacks_is_said_before_anything_is_made(
    tmp_path, monkeypatch, capsys, words, message
):
    if "--steps-per-execution" in words:
        monkeypatch.setenv("TF_CONFIG", json.dumps(CONFIG))
    with pytest.raises(SystemExit) as end:
        main(["conv_vae_digits", "--out", str(tmp_path / "run"), *words])
    assert end.value.code == cli.BAD_INPUT
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_replicas_must_divide_the_batch():
    class Strategy:
        num_replicas_in_sync = 3

    Workers(Strategy()).check_batch(12)
    with pytest.raises(ValueError, match="the 3 replicas divide. Received: 16"):
        Workers(Strategy()).check_batch(16)
