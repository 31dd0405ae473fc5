"""The explorer on a shared origin and a shared machine: caches, server, runtime."""

import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from keras_vae.errors import UnavailableError
from keras_vae.export.explorer import page_files, page_server, runtime

WORKER = page_files.PAGE / page_files.WORKER
# A double of the Service Worker API: prints the caches after an update of the page /b/.
CACHES = """
const source = require("fs").readFileSync(process.argv[1], "utf8").replace("VERSION", "new");
const store = new Map(JSON.parse(process.argv[2]).map((name) => [name, name]));
const handlers = {};
global.addEventListener = (name, handler) => (handlers[name] = handler);
global.self = { skipWaiting: async () => {}, clients: { claim: async () => {} } };
global.registration = { scope: "https://host/b/" };
global.caches = {
  open: async (name) => {
    if (!store.has(name)) store.set(name, name);
    return { addAll: async () => {}, match: async () => `cached in ${name}` };
  },
  keys: async () => [...store.keys()],
  delete: async (name) => store.delete(name),
  match: async () => "of another page",
};
eval(source);
(async () => {
  for (const name of ["install", "activate"]) {
    const waits = [];
    handlers[name]({ waitUntil: (promise) => waits.push(promise) });
    await Promise.all(waits);
  }
  let answer;
  handlers.fetch({ request: "x", respondWith: (promise) => (answer = promise) });
  console.log(JSON.stringify({ caches: [...store.keys()], answer: await answer }));
})();
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_service_worker_deletes_and_reads_its_own_caches_only():
    others = [
        "my-notes-app-v3",
        "latent-explorer-aaaa",
        "latent-explorer https://host/ old",
        "latent-explorer https://host/a/ old",
        "latent-explorer https://host/b/c/ old",
        "latent-explorer https://host/bb/ old",
    ]
    before = json.dumps([*others, "latent-explorer https://host/b/ old"])
    done = subprocess.run(
        ["node", "-e", CACHES, WORKER, before], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    own = "latent-explorer https://host/b/ new"
    assert json.loads(done.stdout) == {"caches": [*others, own], "answer": f"cached in {own}"}


@pytest.fixture
def known(monkeypatch):
    """A small runtime with its hashes, by name."""
    contents = {name: f"content of {name}".encode() for name in runtime.HASHES}
    hashes = {name: hashlib.sha256(text).hexdigest() for name, text in contents.items()}
    monkeypatch.setattr(runtime, "HASHES", hashes)
    return contents


def fill(folder, contents):
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.fixture
def page(known, tmp_path):
    """A folder as `write_page` makes it, without a model."""
    folder = tmp_path / "page"
    shutil.copytree(page_files.PAGE, folder)
    fill(folder / "vendor", known)
    fill(folder, dict.fromkeys(page_files.OWN_FILES, b"{}"))
    stamp(folder)
    return folder


def stamp(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    (folder / page_files.WORKER).write_bytes(page_files.stamped_worker(contents))


@pytest.fixture
def server(page):
    (page / "secret.txt").write_text("secret")
    with page_server.PageServer(page_files.read_page(page), 0) as started:
        thread = threading.Thread(target=started.serve_forever, args=(0.01,))
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def ask(server, path, host=None, method="GET"):
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"localhost:{server.server_port}")
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, response.headers, body


def test_each_file_of_the_page_is_sent(server, page):
    for name, kind in (
        ("index.html", "text/html"),
        ("app.js", "text/javascript"),
        ("style.css", "text/css"),
        ("vendor/wasm/litert_wasm_internal.wasm", "application/wasm"),
        ("decoder.tflite", "application/octet-stream"),
    ):
        status, headers, body = ask(server, f"/{name}?v=1")
        assert (status, body) == (200, (page / name).read_bytes())
        assert headers["Content-Type"] == kind
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert ask(server, "/")[2] == (page / "index.html").read_bytes()
    assert ask(server, "/", host=f"127.0.0.1:{server.server_port}")[0] == 200
    assert ask(server, "/", method="HEAD")[2] == b""


@pytest.mark.parametrize(
    "path", ["/secret.txt", "/../secret.txt", "/vendor", "/vendor/", "/%2e%2e/x", "//etc/passwd"]
)
def test_nothing_else_is_sent(server, path):
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "localhost", "[::1]:80"])
def test_another_name_for_this_machine_is_refused(server, host):
    status, _, body = ask(server, "/model.json", host=host.format(port=server.server_port))
    assert status == 421
    assert b"{}" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(server, method):
    assert ask(server, "/model.json", method=method)[0] == 501


def connect(server):
    return socket.create_connection(("127.0.0.1", server.server_port), timeout=10)


@pytest.mark.parametrize("drips", [False, True])
def test_a_silent_or_slow_connection_is_closed(server, monkeypatch, drips):
    monkeypatch.setattr(page_server, "PATIENCE", 0.3)
    monkeypatch.setattr(page_server.Handler, "timeout", 0.3)
    began = time.monotonic()
    with connect(server) as connection:
        if drips:
            with pytest.raises(OSError):  # noqa: PT011
                while time.monotonic() - began < 4:
                    connection.sendall(b"G")
                    time.sleep(0.05)
        else:
            assert connection.recv(1) == b""
    assert time.monotonic() - began < 2
    assert ask(server, "/")[0] == 200


def test_connections_beyond_the_most_are_closed_at_once(request, monkeypatch):
    monkeypatch.setattr(page_server, "MOST_CONNECTIONS", 3)
    server = request.getfixturevalue("server")
    opened = [connect(server) for _ in range(5)]
    assert [connection.recv(1) for connection in opened[3:]] == [b"", b""]
    for connection in opened[:3]:  # The others wait for their request, and answer it.
        connection.sendall(b"GET / HTTP/1.0\r\nHost: elsewhere\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.0 421"
    for connection in opened:
        connection.close()


def test_a_folder_that_is_no_page_is_refused(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(ValueError, match="Is it a page of keras-vae explorer"):
        page_files.read_page(tmp_path)


@pytest.mark.parametrize("name", ["app.js", "index.html", "offline.js", "vendor/litert.js"])
def test_a_page_with_other_code_is_refused(page, name):
    with (page / name).open("ab") as file:
        file.write(b"\nalert(1)")
    if name != "offline.js":
        stamp(page)
    with pytest.raises(ValueError, match="other content of"):
        page_files.read_page(page)


@pytest.mark.parametrize("name", ["model.json", "app.js", "vendor"])
def test_a_page_with_a_link_is_refused(page, tmp_path, name):
    (page / name).rename(tmp_path / "elsewhere")
    (page / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="a link"):
        page_files.read_page(page)


def test_showing_a_page_imports_no_keras():
    code = "import sys, keras_vae.export.explorer.page_server; assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_cached_runtime_is_used_if_its_hashes_are_right(known, tmp_path):
    fill(tmp_path / "cache", {**known, "more.js": b"mine"})
    assert runtime.load_runtime(tmp_path / "cache") == known


def test_a_changed_cache_is_fetched_again_and_other_bytes_are_refused(known, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    fill(cache, {**known, "litert.js": b"alert(1)"})
    monkeypatch.setattr(runtime.subprocess, "run", lambda *_, **__: None)
    monkeypatch.setattr(runtime, "_unpack", lambda folder: {**known, "litert.js": b"alert(2)"})
    with pytest.raises(UnavailableError, match="Received: other bytes in litert.js"):
        runtime.load_runtime(cache)
    monkeypatch.setattr(runtime, "_unpack", lambda folder: known)
    assert runtime.load_runtime(cache) == known
    assert (cache / "litert.js").read_bytes() == known["litert.js"]


def test_the_reason_of_npm_is_in_the_message(known, tmp_path, monkeypatch):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error network unreachable' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(RuntimeError, match=r"Received: npm error network unreachable \(Install"):
        runtime.load_runtime(tmp_path / "cache")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js with npm")
def test_npm_takes_the_options_and_gives_up_without_a_network(known, tmp_path, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(RuntimeError, match="ECONNREFUSED"):
        runtime.load_runtime(tmp_path / "cache")
    assert time.monotonic() - start < 30


def test_what_is_built_is_what_is_shown(known, tmp_path, monkeypatch):
    from types import SimpleNamespace

    from keras_vae.export.explorer import page

    fill(tmp_path / "cache", known)
    monkeypatch.setattr(page, "describe", lambda model, data, points: {"model": "VAE"})
    model = SimpleNamespace(export=lambda path, **_: path.write_bytes(b"decoder"))
    built = page.write_page(tmp_path / "page", model, None, cache=tmp_path / "cache")
    contents = page_files.read_page(built)
    assert contents["decoder.tflite"] == b"decoder"
    assert {*contents} == {
        path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()
    }
    assert b"VERSION" not in contents[page_files.WORKER]


def test_the_program_shows_a_page_that_exists_and_refuses_another_folder(
    page, tmp_path, monkeypatch, capsys
):
    from types import SimpleNamespace

    from keras_vae.export.explorer import __main__ as program

    monkeypatch.setattr(program, "open_run", lambda run: SimpleNamespace(path=tmp_path))
    monkeypatch.setattr(page_server.PageServer, "serve_forever", lambda self: None)
    program.explorer(tmp_path, out=page, serve=True, port=0)
    assert "http://localhost:" in capsys.readouterr().out
    (tmp_path / "explorer").mkdir()
    with pytest.raises(ValueError, match="Is it a page of keras-vae explorer"):
        program.explorer(tmp_path, serve=True, port=0)
