"""A local double of the Hugging Face hub: what its client needs to upload and fetch one folder."""

import base64
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

# Files of one repository by revision.
Repositories = dict[str, dict[str, dict[str, bytes]]]


@contextmanager
def hub() -> Iterator[tuple[str, Repositories]]:
    """Run the double; yield its address and its repositories."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.repositories = {}
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.repositories
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """The answers of the hub."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Print nothing."""

    def do_HEAD(self) -> None:
        """Answer as to GET, without the content."""
        self._get(body=False)

    def do_GET(self) -> None:
        """Describe a repository, or send a file of it."""
        self._get(body=True)

    def do_POST(self) -> None:
        """Make a repository, say how files are uploaded, or take a commit."""
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = unquote(urlsplit(self.path).path)
        if path == "/api/repos/create":
            self._create(json.loads(text))
        elif path == "/api/validate-yaml":  # The head of a card, which the tests read themselves.
            self._send({"errors": [], "warnings": []})
        elif match := re.fullmatch(r"/api/models/(.+?)/preupload/(.+)", path):
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(text)["files"]
            ]
            self._send({"files": files})
        elif match := re.fullmatch(r"/api/models/(.+?)/commit/(.+)", path):
            self._commit(match[1], match[2], [json.loads(line) for line in text.splitlines()])
        else:
            self._send({"error": "Not found"}, 404)

    def _create(self, about: dict[str, Any]) -> None:
        name = f"{about.get('organization') or 'me'}/{about['name']}"
        assert about.get("private") or about.get("visibility") == "private", about
        self.server.repositories.setdefault(name, {"main": {}})
        self._send({"url": f"http://{self.headers['Host']}/{name}", "name": name})

    def _commit(self, name: str, revision: str, lines: list[dict[str, Any]]) -> None:
        files = self.server.repositories[name][revision]
        for line in lines:
            if line["key"] == "file":
                assert line["value"]["encoding"] == "base64"
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        url = f"http://{self.headers['Host']}/{name}/commit/{identity(files)}"
        self._send({"success": True, "commitOid": identity(files), "commitUrl": url})

    def _get(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        about = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path)
        tree = re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if not (match := about or tree or file):
            self._send({"error": "Not found"}, 404)
            return
        found = self._files(match[1], match[2] or "main")
        if found is None:
            self._send({"error": "Repository not found"}, 404, "RepoNotFound")
        elif tree:
            self._send([entry(name, text) for name, text in found.items()])
        elif about:
            siblings = [{"rfilename": name, "size": len(text)} for name, text in found.items()]
            about = {"id": match[1], "sha": identity(found), "siblings": siblings}
            self._send({**about, "private": False, "tags": [], "downloads": 0, "likes": 0})
        elif match[3] not in found:
            self._send({"error": "Entry not found"}, 404, "EntryNotFound")
        else:
            self._send_file(found, match[3], body)

    def _files(self, name: str, revision: str) -> dict[str, bytes] | None:
        for branch, files in self.server.repositories.get(name, {}).items():
            if revision in (branch, identity(files)):
                return files
        return None

    def _send_file(self, files: dict[str, bytes], name: str, body: bool) -> None:
        content = files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{blob(content)}"')
        self.send_header("X-Repo-Commit", identity(files))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _send(self, content: Any, status: int = 200, code: str = "") -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)


def entry(name: str, content: bytes) -> dict[str, Any]:
    """What a list of files says of one."""
    return {"type": "file", "path": name, "size": len(content), "oid": blob(content)}


def blob(content: bytes) -> str:
    """The name that git gives to a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def identity(files: dict[str, bytes]) -> str:
    """The commit of these files."""
    digest = hashlib.sha1()
    for name, content in sorted(files.items()):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()
