"""The manifests of TF Serving for Docker Compose and Kubernetes."""

import shlex
import subprocess

import pytest
import yaml

from tests.support.serving_folders import FILES, exported, fill, program

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path)


def arguments_of(folder, name):
    """The words after the name of the server in one of the two manifests."""
    documents = list(yaml.safe_load_all((folder / name).read_text()))
    if name == "compose.yaml":
        return documents[0]["services"]["serving"]["command"]
    return documents[1]["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_requests_are_merged_only_if_one_asks_for_it(folder, name):
    assert program(folder) == 0
    assert "batching" not in (folder / name).read_text()
    assert not (folder / "batching_parameters.txt").exists()
    assert program(folder, "--batching", "--overwrite") == 0
    words = arguments_of(folder, name)
    assert "--enable_batching=true" in words
    assert any(word.startswith("--batching_parameters_file=/") for word in words)


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_more_clients_than_cores_get_a_thread(folder, name):
    assert program(folder) == 0
    assert "--grpc_max_threads=64" in arguments_of(folder, name)


def test_compose_mounts_the_folder_and_names_files_that_are_there(folder):
    assert program(folder, "--image", "registry.example/serving:1") == 0
    service = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["serving"]
    assert service["image"] == "registry.example/serving:1"
    assert service["volumes"] == [".:/models:ro"]
    assert service["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    for word in service["command"]:
        if "_file=" in word:
            assert (folder / word.partition("=/models/")[2]).is_file()


def test_kubernetes_asks_over_rest_whether_the_server_is_alive_and_a_version_answers(folder):
    assert program(folder) == 0
    deployment = list(yaml.safe_load_all((folder / "kubernetes.yaml").read_text()))[1]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    paths = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("liveness", "readiness")}
    assert paths == {
        "liveness": {"path": "/v1/models/other", "port": "rest"},
        "readiness": {"path": "/v1/models/other/metadata", "port": "rest"},
    }
    assert container["startupProbe"]["httpGet"] == paths["readiness"]


def test_kubernetes_has_the_same_configuration_in_it(folder):
    assert program(folder, "--batching") == 0
    documents = {
        document["kind"]: document
        for document in yaml.safe_load_all((folder / "kubernetes.yaml").read_text())
    }
    assert set(documents) == {"ConfigMap", "Deployment", "Service"}
    data = documents["ConfigMap"]["data"]
    for name in ("models.config", "batching_parameters.txt", "monitoring.config"):
        assert data[name].strip() == (folder / name).read_text().strip()
    pod = documents["Deployment"]["spec"]["template"]
    container = pod["spec"]["containers"][0]
    for word in container["args"]:
        if "_file=" in word:
            assert word.partition("=/config/")[2] in data
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"models": "/models", "config": "/config"}
    assert documents["Service"]["spec"]["selector"] == pod["metadata"]["labels"]
    named = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in documents["Service"]["spec"]["ports"]} <= named
    assert {m["name"] for m in container["volumeMounts"]} == {
        v["name"] for v in pod["spec"]["volumes"]
    }


def test_nothing_is_left_to_be_filled_in(folder):
    assert program(folder, "--batching") == 0
    for name in (*FILES, "batching_parameters.txt"):
        assert "@" not in (folder / name).read_text()


@pytest.mark.parametrize(("state", "code"), [("AVAILABLE", 0), ("LOADING", 1)])
def test_the_health_check_of_compose_tells_a_model_that_is_available(folder, state, code):
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/v1/models/other" else 404)
            self.end_headers()
            self.wfile.write(b'{"model_version_status": [{"state": "%s"}]}' % state.encode())

        def log_message(self, *_):
            pass

    assert program(folder) == 0
    service = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["serving"]
    kind, *command = service["healthcheck"]["test"]
    assert kind == "CMD"
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        command[-1] = command[-1].replace("/8501", f"/{server.server_port}")
        assert subprocess.run(command, timeout=20).returncode == code
    finally:
        server.shutdown()
        server.server_close()


def test_an_image_may_be_named_by_its_digest(folder):
    image = f"registry.example:5000/a/serving@sha256:{'0a' * 32}"
    assert program(folder, "--image", image, "--mount", "/srv/my-models_1/") == 0
    service = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["serving"]
    assert service["image"] == image
    assert service["volumes"] == [".:/srv/my-models_1:ro"]
    deployment = list(yaml.safe_load_all((folder / "kubernetes.yaml").read_text()))[1]
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image


def test_the_command_to_type_next_is_quoted(tmp_path, capsys):
    folder = tmp_path / "my models; echo"
    (folder / "vae").mkdir(parents=True)
    (folder / "vae" / "1").symlink_to(exported())
    assert program(folder) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(last)[-2:] == [str(folder / "compose.yaml"), "up"]
