"""Clients under load: python -m tests.support.load [--seconds 60] [--clients 8] [--seed 0].

Half of the clients speak REST, half gRPC, to tensorflow_model_server where it is installed and to
the C++ loader behind the double of tests/support/load_server.py otherwise. A quarter of the
requests are invalid. In the middle a new version of the model is published. Each valid answer is
compared with Keras's, of the version that may answer then. Prints a table; exit code 1 if a bar is
missed.
"""

import argparse
import contextlib
import dataclasses
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.support import serving

ROWS = 32
SHARE_OF_INVALID = 0.25
# The real server grows by 8 % with the first change of version, and by 1 MB with each later one.
LARGEST_GROWTH = 0.12
Answers = dict[str, dict[str, np.ndarray]]


@dataclasses.dataclass
class Report:
    """What came of all requests; times in seconds, memory in bytes."""

    counts: Counter[str]
    times: list[float]
    seconds: float
    before: float
    after: float
    problems: list[str]

    @property
    def growth(self) -> float:
        return self.after / self.before - 1.0

    @property
    def good(self) -> bool:
        right = self.counts["right"] and self.counts["right of the new version"]
        return bool(right) and not self.problems and self.growth <= LARGEST_GROWTH

    def __str__(self) -> str:
        p50, p95, p99 = (1000 * np.percentile(self.times, q) for q in (50, 95, 99))
        valid = len(self.times)
        wrong, lost = self.counts["wrong"], self.counts["lost"]
        refused, unclear = self.counts["refused"], self.counts["not refused"]
        rows = [
            ("valid requests", f"{valid:,}: {wrong} wrong, {lost} lost"),
            ("of them answered by the new version", f"{self.counts['right of the new version']:,}"),
            ("invalid requests", f"{refused + unclear:,}: {unclear} without a clear error"),
            ("throughput", f"{(valid + refused) / self.seconds:,.0f} requests a second"),
            ("latency p50, p95, p99", f"{p50:.1f}, {p95:.1f}, {p99:.1f} ms"),
            ("memory of the server", f"{self.before / 1e6:,.0f} MB, {self.growth:+.1%} at the end"),
        ]
        return "\n".join(["| what | result |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def model(number: int) -> Any:
    """The model of version `number`, whose answers are like those of no other."""
    made = serving.KINDS["ConvVAE"]()
    generator = np.random.default_rng(number)
    for weight in made.trainable_variables:
        weight.assign(weight + 0.1 * generator.standard_normal(weight.shape))
    return made


def inputs_of(made: Any) -> dict[str, dict[str, np.ndarray]]:
    """Rows for each signature."""
    generator = np.random.default_rng(0)
    given = {}
    for name, endpoint in made.endpoints().items():
        given[name] = {
            spec.name: (100 * generator.random((ROWS, *spec.shape[1:]))).astype("int32")
            if "int" in spec.dtype
            else generator.random((ROWS, *spec.shape[1:])).astype("float32")
            for spec in endpoint.inputs
        }
    return given


def answers_of(made: Any, inputs: dict[str, dict[str, np.ndarray]]) -> Answers:
    """What Keras answers."""
    return {
        name: {
            key: np.array(value)
            for key, value in made.endpoints()[name].function(*arrays.values()).items()
        }
        for name, arrays in inputs.items()
    }


class Load:
    """One run: clients in threads, who count what they get."""

    def __init__(self, folder: Path, addresses: tuple[str, str], answers: list[Answers]) -> None:
        self.folder, self.addresses, self.answers = folder, addresses, answers
        self.inputs = inputs_of(model(1))
        self.counts: Counter[str] = Counter()
        self.times: list[float] = []
        self.problems: list[str] = []
        self.publishing, self.published = threading.Event(), threading.Event()
        self.lock = threading.Lock()

    def clients(self, count: int, end: float, seed: int) -> list[threading.Thread]:
        return [
            threading.Thread(target=self._client, args=(number, end, random.Random(seed + number)))
            for number in range(count)
        ]

    def publish(self) -> None:
        """The second version appears, whole, and is waited for."""
        from keras_vae.export.serving.client import Client

        self.publishing.set()
        (self.folder / "vae.staged" / "2").rename(self.folder / "vae" / "2")
        with Client(self.addresses[0], "vae") as client:
            deadline = time.monotonic() + 60
            while client.states().get(2) != "AVAILABLE" and time.monotonic() < deadline:
                time.sleep(0.1)
        self.published.set()

    def _client(self, number: int, end: float, choose: random.Random) -> None:
        from keras_vae.export.serving.client import Client

        url = self.addresses[number % 2]
        with Client(url, "vae", timeout=30.0) as client:
            while time.monotonic() < end:
                if choose.random() < SHARE_OF_INVALID:
                    self._invalid(client, url, choose)
                else:
                    self._valid(client, choose)

    def _valid(self, client: Any, choose: random.Random) -> None:
        name = choose.choice(sorted(self.inputs))
        start, count = choose.randrange(ROWS - 8), choose.randint(1, 8)
        rows = slice(start, start + count)
        given = {key: array[rows] for key, array in self.inputs[name].items()}
        only_new, began = self.published.is_set(), time.monotonic()
        try:
            found = client.predict(name, **given)
        except Exception as error:
            return self._count("lost", f"{name}: {type(error).__name__}: {error}")
        seconds, only_old = time.monotonic() - began, not self.publishing.is_set()
        allowed = [1] if only_new else [0] if only_old else [0, 1]
        matching = [v for v in allowed if _equal(found, self.answers[v][name], rows)]
        with self.lock:
            self.times.append(seconds)
        self._count("right" if matching else "wrong", None if matching else f"{name}: wrong")
        if matching == [1]:
            self._count("right of the new version")

    def _invalid(self, client: Any, url: str, choose: random.Random) -> None:
        what, call = choose.choice(INVALID)
        from keras_vae.export.serving.client import DeadlineExceeded, ServingError, Unavailable

        try:
            call(client, url, self.inputs)
            problem = "an answer"
        except (Unavailable, DeadlineExceeded) as error:
            problem = repr(error)
        except (ServingError, ValueError, TypeError) as error:
            text = str(error)
            problem = "" if "Expected" in text and "Received" in text else repr(error)
        self._count("not refused" if problem else "refused", f"{what}: {problem}" * bool(problem))

    def _count(self, what: str, problem: str | None = None) -> None:
        with self.lock:
            self.counts[what] += 1
            if problem:
                self.problems.append(problem)


def _equal(found: Any, wanted: dict[str, np.ndarray], rows: slice) -> bool:
    return set(found) == set(wanted) and all(
        value.shape == wanted[key][rows].shape
        and np.allclose(value, wanted[key][rows], rtol=1e-4, atol=1e-4)
        for key, value in found.items()
    )


def _sent(client: Any, signature: str, inputs: dict[str, np.ndarray]) -> None:
    """Past the client's own checks, to the server."""
    infos = client.signatures()["encode"]
    client._transport.predict(signature, inputs, infos, 30.0)


def _elsewhere(url: str, name: str, inputs: Any, **options: Any) -> None:
    from keras_vae.export.serving.client import Client

    with Client(url, name, timeout=30.0, **options) as client:
        client.predict("encode", **inputs["encode"])


X = np.zeros((2, *serving.SHAPE), "float32")
INVALID = [
    ("a shape, in the client", lambda c, u, i: c.encode(X[:, :5])),
    ("a signature, in the client", lambda c, u, i: c.predict("draw", x=X)),
    ("a shape", lambda c, u, i: _sent(c, "encode", {"x": X[:, :5]})),
    ("a signature", lambda c, u, i: _sent(c, "draw", {"x": X})),
    ("an input", lambda c, u, i: _sent(c, "encode", {"y": X})),
    ("no input", lambda c, u, i: _sent(c, "encode", {})),
    ("text", lambda c, u, i: _sent(c, "encode", {"x": np.array([b"a"], object)})),
    ("a model", lambda c, u, i: _elsewhere(u, "absent", i)),
    ("a version", lambda c, u, i: _elsewhere(u, "vae", i, version=99)),
]


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[tuple[str, str], int]]:
    """A running server: its addresses, and the number of its process."""
    from tests.support import stand_in

    if stand_in.SERVER:
        real = stand_in.RealServer(folder)
        try:
            yield (real.rest, real.grpc), real._process.pid
        finally:
            real.close()
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.load_server", str(folder)],
        cwd=serving.ROOT,
        env=serving.ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    try:
        rest, grpc = process.stdout.readline().split()
        yield (rest, grpc), process.pid
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def memory(process: int) -> float:
    """Resident bytes of a process."""
    fields = Path(f"/proc/{process}/statm").read_text().split()
    return float(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def load(folder: Path, seconds: float, clients: int, seed: int = 0) -> Report:
    """Make two versions, serve the first, ask, publish the second, ask on."""
    made = [model(1), model(2)]
    made[0].export(folder / "vae" / "1")
    made[1].export(folder / "vae.staged" / "2")
    answers = [answers_of(one, inputs_of(one)) for one in made]
    with server(folder) as (addresses, process):
        run = Load(folder, addresses, answers)
        began = time.monotonic()
        threads = run.clients(clients, began + seconds, seed)
        for thread in threads:
            thread.start()
        samples: list[tuple[float, float]] = []
        publisher = threading.Thread(target=run.publish)
        while (now := time.monotonic() - began) < seconds:
            samples.append((now / seconds, memory(process)))
            if now > 0.5 * seconds and not publisher.ident:
                publisher.start()
            time.sleep(seconds / 100)
        for thread in (*threads, publisher):
            thread.join()
        elapsed = time.monotonic() - began
    # The first fifth is warm-up.
    before = float(np.median([value for share, value in samples if 0.2 <= share < 0.4]))
    after = float(np.median([value for share, value in samples if share >= 0.9]))
    return Report(run.counts, run.times, elapsed, before, after, run.problems)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from keras_vae import cli

    cli.prepare_tensorflow()
    with tempfile.TemporaryDirectory(prefix="keras-vae-load-") as folder:
        report = load(Path(folder), options.seconds, options.clients, options.seed)
    print(report)
    for problem, count in Counter(report.problems).most_common(10):
        print(f"{count} x {problem}", file=sys.stderr)
    return 0 if report.good else 1


if __name__ == "__main__":
    sys.exit(main())
