"""The configuration of TF Serving, and the client that asks the server.

`tf_serving` writes the server's configuration from `templates/`. `client` asks a server over REST
(`rest`) or gRPC (`grpc_api`); it needs NumPy only. `signatures` and `wire` read what servers send.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_vae.export.serving.client import Client, DeadlineExceeded, ServingError, Unavailable

__all__ = ["Client", "DeadlineExceeded", "ServingError", "Unavailable"]


def __getattr__(name: str) -> Any:
    """Import the client when it is first used, so that `serve-config --help` answers at once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from keras_vae.export.serving import client

    return getattr(client, name)
