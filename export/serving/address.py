"""The URL of a server: its parts, and what else is refused."""

import re
from urllib.parse import SplitResult, urlsplit

from keras_vae.errors import UsageError, UsageTypeError

SCHEMES = ("http", "https", "grpc", "grpcs")
# User and password, query and fragment of a URL.
# Blanks, line breaks, and what else has no place in a URL: `urlsplit` would drop some of them.
FORBIDDEN = re.compile(r"[\s\\\x00-\x1f\x7f]")
SECRET = re.compile(r"(?<=//).*(?=@)|(?<=[?#]).*|^[^/]*(?=@)", re.DOTALL)


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL; raises ValueError unless it names a server and nothing else."""
    if not isinstance(url, str):
        raise UsageTypeError(
            f"Expected a URL such as http://localhost:8501 or grpc://localhost:8500. Received: "
            f"{url!r}."
        )
    try:
        parts = urlsplit(url)
        good = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
        if parts.scheme.startswith("grpc") and parts.path not in ("", "/"):
            good = False
    except ValueError:  # Such as a port that is no number.
        good = False
    if any(character in url for character in "@?#"):
        # A password would be sent unencrypted, or be shown in messages.
        raise UsageError(
            "Expected a URL without user, password, query and fragment, such as "
            f"http://localhost:8501. Received: {SECRET.sub('...', url)!r}."
        )
    if not good or FORBIDDEN.search(url):
        raise UsageError(
            "Expected a URL such as http://localhost:8501 or grpc://localhost:8500, without blanks "
            f"and line breaks. Received: {url!r}."
        )
    if "/v1/models" in parts.path:
        raise UsageError(
            f"Expected the URL of a server, without /v1/models, which the client adds. Received: "
            f"{url!r}. (Give {url.partition('/v1/models')[0]!r} and the name of the model.)"
        )
    return parts
