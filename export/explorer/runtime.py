"""The browser runtime LiteRT.js, fetched from the npm registry and kept in a cache."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from keras_vae.errors import UnavailableError

# Apache-2.0; the packages are 40 MB together, of which a page needs 10 MB.
PACKAGES = ("@litertjs/core@2.5.3", "@litertjs/wasm-utils@2.5.3")
FILES = {
    "core/dist/index.js": "litert.js",
    "wasm-utils/dist/index.js": "wasm-utils.js",
    "core/wasm/litert_wasm_internal.js": "wasm/litert_wasm_internal.js",
    "core/wasm/litert_wasm_internal.wasm": "wasm/litert_wasm_internal.wasm",
    "core/wasm/litert_wasm_compat_internal.js": "wasm/litert_wasm_compat_internal.js",
    "core/wasm/litert_wasm_compat_internal.wasm": "wasm/litert_wasm_compat_internal.wasm",
}


def copy_runtime(target: Path, cache: Path | None = None) -> None:
    """Copy LiteRT.js into the new folder `target`.

    Args:
        target: The `vendor` folder of the page.
        cache: Folder that keeps the files between calls; by default below the user's cache folder.

    Raises:
        RuntimeError: If they are not in the cache and cannot be fetched from the npm registry.
    """
    cache = cache or _default_cache()
    if not all((cache / name).is_file() for name in FILES.values()):
        _fetch(cache)
    shutil.copytree(cache, target)


def _default_cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "keras_vae" / "litertjs-2.5.3"


def _fetch(cache: Path) -> None:
    print(f"Fetching {' and '.join(PACKAGES)} from the npm registry into {cache}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(
                ["npm", "pack", "--silent", *PACKAGES],
                cwd=folder,
                check=True,
                capture_output=True,
                timeout=300,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise UnavailableError(
                f"Expected npm to fetch {PACKAGES}, the runtime of the page. Received: {error}. "
                f"(Install Node.js with npm, or put the files of both packages into {cache}: "
                f"{', '.join(FILES.values())})"
            ) from error
        contents = _unpack(Path(folder))
    partial = cache.with_name(f"{cache.name}.{os.getpid()}.partial")
    for name, content in contents.items():
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        (partial / name).write_bytes(content)
    shutil.rmtree(cache, ignore_errors=True)
    os.rename(partial, cache)


def _unpack(folder: Path) -> dict[str, bytes]:
    """Return the needed files of the packages in `folder`, with the bare import made relative."""
    contents = {}
    for archive in folder.glob("*.tgz"):
        package = archive.name.removeprefix("litertjs-").rpartition("-")[0]
        with tarfile.open(archive) as files:
            for source, name in FILES.items():
                if source.startswith(f"{package}/"):
                    member = files.extractfile(source.replace(package, "package", 1))
                    assert member is not None
                    contents[name] = member.read()
    contents["litert.js"] = contents["litert.js"].replace(
        b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"'
    )
    return contents
