"""Presets on the Hugging Face hub, by the package huggingface_hub. Imports it when it is used."""

import re
from pathlib import Path
from typing import Any

from keras_vae.errors import MissingExtraError, UnavailableError, UsageError
from keras_vae.files import outputs
from keras_vae.presets.contents import CARD, CONFIG, MODEL, is_preset

# One slash is what a path makes of two.
ADDRESS = re.compile(r"hf:/{1,2}(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
FILES = [CONFIG, CARD, MODEL, "explorer/*"]
PAGE = re.compile(r"(?i:hf:/*|https?:/{1,2}(huggingface\.co|hf\.co)/)([\w.-]+/[\w.-]+)/?")
# Files that the hub makes itself.
OF_HUB = {".gitattributes"}


def is_address(text: str) -> bool:
    """Return whether a text is an address, right or wrong, and so no folder."""
    return text.lower().startswith("hf:") or outputs.is_address(text)


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


def check_writable(address: str) -> str:
    """Return the address of a repository to save to, as it is written on a card.

    Errors are those of `fetch`.
    """
    repository, revision = _split(address)
    if revision:
        raise UsageError(f"Expected hf://USER/NAME to save to. Received: {address}.")
    _client()
    return f"hf://{repository}"


def upload(folder: Path, address: str) -> str:
    """Upload the folder of a preset as one commit, and return the address of its page.

    A repository that does not exist is made, for you alone. Errors are those of `fetch`, and
    `FileExistsError` if the repository has other files than those of a preset.
    """
    repository, _ = _split(check_writable(address))
    client = _client().HfApi()
    url = _ask(address, client.create_repo, repository, private=True, exist_ok=True)
    _check_files(address, set(_ask(address, client.list_repo_files, repository)))
    message = "Upload a preset of keras_vae"
    _ask(
        address,
        client.upload_folder,
        repo_id=repository,
        folder_path=folder,
        commit_message=message,
    )
    return str(url)


def _check_files(address: str, found: set[str]) -> None:
    """Raise unless a repository is empty or has a preset, which a new one may replace."""
    found -= OF_HUB
    if found and not (found >= {CONFIG, CARD, MODEL} and is_preset(fetch(address))):
        raise FileExistsError(
            f"Expected a new repository, or one of a preset. Received: {address}, which has "
            f"{', '.join(sorted(found)[:5])}. (Choose another name. Nothing was changed.)"
        )


def _split(address: str) -> tuple[str, str | None]:
    found = ADDRESS.fullmatch(address)
    if found is None or ".." in address:
        page = PAGE.fullmatch(address)
        hint = f" (Write hf://{page[2]}.)" if page and ".." not in address else ""
        raise UsageError(
            f"Expected hf://USER/NAME or hf://USER/NAME@REVISION. Received: {address}.{hint}"
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
