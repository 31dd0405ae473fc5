"""The browser runtime LiteRT.js, fetched from the npm registry and kept in a cache."""

import contextlib
import functools
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from keras_vae.errors import UnavailableError
from keras_vae.files.atomic import write_atomically

# Apache-2.0; the packages are 40 MB together, of which a page needs 10 MB.
PACKAGES = ("@litertjs/core@2.5.3", "@litertjs/wasm-utils@2.5.3")
# By itself, npm tries for more than a minute where there is no network.
NPM_OPTIONS = (
    "--loglevel=error",
    *("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000"),
)
FILES = {
    "core/dist/index.js": "litert.js",
    "wasm-utils/dist/index.js": "wasm-utils.js",
    "core/wasm/litert_wasm_internal.js": "wasm/litert_wasm_internal.js",
    "core/wasm/litert_wasm_internal.wasm": "wasm/litert_wasm_internal.wasm",
    "core/wasm/litert_wasm_compat_internal.js": "wasm/litert_wasm_compat_internal.js",
    "core/wasm/litert_wasm_compat_internal.wasm": "wasm/litert_wasm_compat_internal.wasm",
}
# SHA-256 of the files as a page has them, with the bare import made relative.
HASHES = {
    "litert.js": "aa78a8a8aa7c72f55b50dd74fe440856e50693326011ef357db9f9dc93738b7b",
    "wasm-utils.js": "e0e20bc28ab001ac732cf40d15b6eebd24fb0deaeb95eeba5100f51eebf015f2",
    "wasm/litert_wasm_internal.js": (
        "68efb69f770e3f76aff36a377de629ca496c131b86ac0f0f4b592a1543a898eb"
    ),
    "wasm/litert_wasm_internal.wasm": (
        "7280cf4471774867e385e6c3cd53e2b45e2975b80fea338fff4ef359b0865614"
    ),
    "wasm/litert_wasm_compat_internal.js": (
        "4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5"
    ),
    "wasm/litert_wasm_compat_internal.wasm": (
        "5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c"
    ),
}


def load_runtime(cache: Path | None = None) -> dict[str, bytes]:
    """Return the files of LiteRT.js by name, with the known hashes.

    Args:
        cache: Folder that keeps the files between calls; by default below the user's cache folder.

    Raises:
        RuntimeError: If they are not in the cache and cannot be fetched from the npm registry.
    """
    cache = cache or _default_cache()
    contents = _read(cache)
    return _fetch(cache) if wrong_files(contents) else contents


def wrong_files(contents: Mapping[str, bytes]) -> list[str]:
    """Return the names of the runtime's files that are absent or have other bytes."""
    return [
        name
        for name, known in HASHES.items()
        if hashlib.sha256(contents.get(name, b"")).hexdigest() != known
    ]


def _read(cache: Path) -> dict[str, bytes]:
    """Return the files in the cache by name; none if one is absent."""
    with contextlib.suppress(FileNotFoundError):
        return {name: (cache / name).read_bytes() for name in HASHES}
    return {}


def _default_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "keras_vae" / "litertjs-2.5.3"


def _fetch(cache: Path) -> dict[str, bytes]:
    """Return the files from the npm registry by name, and keep them in the cache."""
    print(f"Fetching {' and '.join(PACKAGES)} from the npm registry into {cache}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                ["npm", "pack", *NPM_OPTIONS, *PACKAGES],
                cwd=folder,
                check=True,
                capture_output=True,
                timeout=300,
                text=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = " ".join((getattr(error, "stderr", None) or str(error)).split())
            raise UnavailableError(
                f"Expected npm to fetch {' and '.join(PACKAGES)}, the runtime of the page. "
                f"Received: {said[:500]} (Install Node.js with npm and check the network, or put "
                f"the files of both packages into {cache}: {', '.join(FILES.values())})"
            ) from error
        contents = _unpack(Path(folder))
    if wrong := wrong_files(contents):
        raise UnavailableError(
            f"Expected {' and '.join(PACKAGES)} as they were published. Received: other bytes in "
            f"{', '.join(wrong)}. (Is another npm registry configured? Nothing was kept.)"
        )
    for name, content in contents.items():
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cache / name, functools.partial(Path.write_bytes, data=content))
    return contents


def _unpack(folder: Path) -> dict[str, bytes]:
    """Return the needed files of the packages in `folder`, with the bare import made relative."""
    contents = {}
    for archive in folder.glob("*.tgz"):
        package = archive.name.removeprefix("litertjs-").rpartition("-")[0]
        with tarfile.open(archive) as files:
            for source, name in FILES.items():
                if source.startswith(f"{package}/"):
                    with contextlib.suppress(KeyError):  # Absent, which its hash tells.
                        member = files.extractfile(source.replace(package, "package", 1))
                        contents[name] = member.read() if member else b""
    contents["litert.js"] = contents.get("litert.js", b"").replace(
        b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"'
    )
    return contents
