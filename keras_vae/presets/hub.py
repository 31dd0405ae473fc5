"""Presets on the Hugging Face hub, by the package huggingface_hub. Imports it when it is used."""

import re
from pathlib import Path
from typing import Any

from keras_vae.errors import MissingExtraError, UnavailableError, UsageError
from keras_vae.presets.contents import CARD, CONFIG, MODEL

# One slash is what a path makes of two.
ADDRESS = re.compile(r"hf:/{1,2}(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
FILES = [CONFIG, CARD, MODEL, "explorer/*"]


def is_address(text: str) -> bool:
    """Return whether a text names a preset on the hub."""
    return text.startswith("hf:/")


def fetch(address: str) -> Path:
    """Fetch a preset into the cache of huggingface_hub, and return its folder.

    Raises:
        RuntimeError: If the hub does not give it.
        ImportError: If the extra `hub` is not installed.
        ValueError: If it is no address.
    """
    repository, revision = _split(address)
    hub = _client()
    wanted = {"revision": revision, "allow_patterns": FILES}
    return Path(_ask(address, hub.snapshot_download, repository, **wanted))


def upload(folder: Path, address: str) -> str:
    """Upload the folder of a preset as one commit, and return the address of its page.

    A repository that does not exist is made, for you alone. Errors are those of `fetch`.
    """
    repository, revision = _split(address)
    if revision:
        raise UsageError(f"Expected hf://USER/NAME to save to. Received: {address}.")
    hub = _client()
    client = hub.HfApi()
    url = _ask(address, client.create_repo, repository, private=True, exist_ok=True)
    message = "Upload a preset of keras_vae"
    _ask(
        address,
        client.upload_folder,
        repo_id=repository,
        folder_path=folder,
        commit_message=message,
    )
    return str(url)


def _split(address: str) -> tuple[str, str | None]:
    found = ADDRESS.fullmatch(address)
    if found is None or ".." in address:
        raise UsageError(
            f"Expected hf://USER/NAME or hf://USER/NAME@REVISION. Received: {address}."
        )
    return found["repository"], found["revision"]


def _client() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError(
            "Expected huggingface_hub, for presets on the hub. Received: no such package. "
            '(pip install "keras-vae[hub]")'
        ) from error
    return huggingface_hub


def _ask(address: str, call: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the client, and raise one type of error for all that the hub refuses."""
    try:
        return call(*args, **kwargs)
    except Exception as error:  # Those of three packages and of the network, without one base.
        raise UnavailableError(
            f"Expected the hub to answer for {address}. Received: {str(error)[:500]} (Check the "
            "name and the network; for private repositories, run `hf auth login`.)"
        ) from error
