"""The double of TF Serving in a process of its own, which takes up new versions as they appear.

    python -m tests.support.load_server FOLDER

It prints its two addresses and serves until its standard input ends.
"""

import contextlib
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.serving import served_models
from tests.support.stand_in import StandIn

# A request looks a model up and runs it a moment later.
GRACE = 1.0


class Polling(StandIn):
    """A `StandIn` that replaces a model by its next version while it answers.

    The version before is closed once no request runs it any more, as TF Serving does it.
    """

    def __init__(self, folder: Path) -> None:
        self._running: Counter[int] = Counter()
        self._lock = threading.Lock()
        super().__init__(folder)
        self.folder = folder
        threading.Thread(target=self._poll, daemon=True).start()

    def run(self, model, signature, inputs):
        with self._counted(model):
            return super().run(model, signature, inputs)

    @contextlib.contextmanager
    def _counted(self, model):
        with self._lock:
            self._running[id(model)] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[id(model)] -= 1

    def _poll(self) -> None:
        while True:
            time.sleep(0.2)
            for found in served_models.find_models(self.folder):
                version, before = self.models[found.name]
                if found.versions[-1] > version:
                    self._replace(found.name, found.versions[-1], before)

    def _replace(self, name: str, version: int, before) -> None:
        new = cpp_loader.SavedModel(self.folder / name / str(version))
        self.models[name] = (version, new)
        time.sleep(GRACE)
        while self._running[id(before)]:
            time.sleep(0.05)
        before.close()


def main() -> None:
    server = Polling(Path(sys.argv[1]))
    print(server.rest, server.grpc, flush=True)
    sys.stdin.read()
    server.close()


if __name__ == "__main__":
    main()
