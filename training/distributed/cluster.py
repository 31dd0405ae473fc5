"""The machines that train together, from the environment. Imports no TensorFlow.

TF_CONFIG    JSON in TensorFlow's format: {"cluster": {"worker": [...]}, "task": {...}}
WORKER_HOSTS host:port,host:port,... and WORKER_INDEX; in Kubernetes the index may be that of an
             indexed job (JOB_COMPLETION_INDEX) or the end of the name of a stateful set's pod
SLURM_...    the variables of srun; ports start at 8888
"""

import json
import os
import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from keras_vae.errors import UsageError

CONFIG = "TF_CONFIG"
HOSTS, INDEX = "WORKER_HOSTS", "WORKER_INDEX"
KUBERNETES_INDEX = "JOB_COMPLETION_INDEX"
SLURM = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE")
MOST_TASKS = 1000  # Of one node.
TYPES = ("chief", "worker")
EXAMPLE = '{"cluster": {"worker": ["a:8888", "b:8888"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Cluster:
    """The hosts of all workers, and the index of this one.

    Attributes:
        hosts: host:port of each worker, the chief's first.
        index: Index of this worker in `hosts`.
    """

    hosts: tuple[str, ...]
    index: int

    def as_config(self) -> str:
        """Return the cluster as the text of TF_CONFIG."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": list(self.hosts)}, "task": task})


def find(environment: MutableMapping[str, str] = os.environ) -> Cluster | None:
    """Return the cluster of this process; None for Slurm, see `of_slurm`.

    Raises:
        ValueError: If no variables are set, or they make no sense.
    """
    if environment.get(CONFIG):
        return _parse_config(environment[CONFIG])
    if environment.get(HOSTS):
        return _parse_hosts(environment)
    if all(environment.get(name) for name in SLURM):
        return None
    raise UsageError(
        "Expected TF_CONFIG, or WORKER_HOSTS and WORKER_INDEX, or the variables of srun, for "
        f"--strategy multiworker. Received: none of them. (TF_CONFIG is such as {EXAMPLE}.)"
    )


def of_slurm() -> Cluster:
    """Return the cluster of a step of Slurm, as TensorFlow resolves it.

    Raises:
        ValueError: If the variables make no sense.
    """
    import tensorflow as tf

    try:
        # It limits the tasks of a node to the number of GPUs, and we divide no GPUs.
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            gpus_per_node=MOST_TASKS, gpus_per_task=1, auto_set_gpu=False
        )
        hosts = resolver.cluster_spec().as_dict()["worker"]
        return _check_cluster(hosts, resolver.get_task_info()[1], "of the variables of srun")
    except (RuntimeError, KeyError, TypeError) as error:
        found = {name: os.environ.get(name) for name in SLURM}
        raise UsageError(f"Expected a step of Slurm. Received: {found} ({error}).") from error


def _parse_config(text: str) -> Cluster:
    try:
        config = json.loads(text)
        groups, task = config["cluster"], config["task"]
        kind, index = task["type"], task["index"]
        chief, workers = list(groups.get("chief", [])), list(groups.get("worker", []))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"Expected TF_CONFIG such as {EXAMPLE}. Received: {text} ({error!r})."
        ) from error
    if unknown := sorted(groups.keys() - set(TYPES)):
        raise UsageError(
            f"Expected tasks of the types chief and worker in TF_CONFIG. Received: {unknown}."
        )
    if kind not in TYPES or (kind == "chief" and index != 0):
        raise UsageError(
            f"Expected the task worker, or chief 0, in TF_CONFIG. Received: {kind!r} {index!r}."
        )
    own = chief if kind == "chief" else workers
    _check_cluster(own, index, f"of the {kind}s in TF_CONFIG")
    return _check_cluster(
        [*chief, *workers], index + len(chief) * (kind == "worker"), "in TF_CONFIG"
    )


def _parse_hosts(environment: MutableMapping[str, str]) -> Cluster:
    hosts = [host.strip() for host in environment[HOSTS].split(",")]
    text = environment.get(INDEX) or environment.get(KUBERNETES_INDEX)
    if text is None and (end := re.search(r"-(\d+)$", environment.get("HOSTNAME", ""))):
        text = end[1]
    if text is None or not text.isdecimal():
        raise UsageError(
            f"Expected {INDEX}, from 0, with {HOSTS}={environment[HOSTS]}. Received: {text!r}."
        )
    return _check_cluster(hosts, int(text), f"of {HOSTS}")


def _check_cluster(hosts: Any, index: Any, where: str) -> Cluster:
    if not hosts or not all(isinstance(h, str) and re.fullmatch(r"\S+:\d+", h) for h in hosts):
        raise UsageError(f"Expected host:port of each worker {where}. Received: {hosts}.")
    if len(set(hosts)) < len(hosts):
        raise UsageError(f"Expected each host:port once {where}. Received: {hosts}.")
    if not isinstance(index, int) or not 0 <= index < len(hosts):
        raise UsageError(
            f"Expected an index from 0 to {len(hosts) - 1} {where}. Received: {index!r}."
        )
    return Cluster(tuple(hosts), index)
