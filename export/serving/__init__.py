"""The configuration of TF Serving, and the client that asks the server.

`tf_serving` writes the server's configuration from `templates/`. `client` asks a server over REST
(`rest`) or gRPC (`grpc_api`); it needs NumPy only. `signatures` and `wire` read what servers send.
"""

from keras_vae.export.serving.client import Client, DeadlineExceeded, ServingError, Unavailable

__all__ = ["Client", "DeadlineExceeded", "ServingError", "Unavailable"]
