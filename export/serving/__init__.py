"""How is a model served by TF Serving, and how do programs ask the server?

`tf_serving` writes the server's configuration from `templates/`. `client` asks a server over REST
(`rest`) or gRPC (`grpc_api`); it needs NumPy only. `signatures` and `wire` read what servers send.
"""

from keras_vae.export.serving.client import Client, DeadlineExceeded, ServingError, Unavailable

__all__ = ["Client", "DeadlineExceeded", "ServingError", "Unavailable"]
