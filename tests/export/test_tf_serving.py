"""What serve-config writes is read by the real protos and YAML, and never overwrites."""

import os
import shlex
import subprocess

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from keras_vae import cli
from keras_vae.export.serving import tf_serving
from keras_vae.export.serving.served_models import Model, models_config, read_models_config
from tests.support import serving

pytestmark = pytest.mark.tensorflow

FILES = ("models.config", "monitoring.config", "compose.yaml", "kubernetes.yaml")


@pytest.fixture(scope="module")
def exported():
    return serving.model("ConvVAE").export(serving.folder() / "exported", endpoints=("decode",))


@pytest.fixture
def folder(tmp_path, exported):
    """Two models, one with two versions."""
    for version in ("vae/1", "vae/2", "other/7"):
        (tmp_path / version).parent.mkdir(exist_ok=True)
        (tmp_path / version).symlink_to(exported)
    return tmp_path


def program(*arguments) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(tf_serving.tf_serving, list(map(str, arguments)))
    return stop.value.code


def server_config(text):
    pb2 = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2",
        reason="pip install --no-deps tensorflow-serving-api",
    )
    return text_format.Parse(text, pb2.ModelServerConfig())


def message(name: str, fields: dict[str, str]):
    """A message class with these fields: a type such as ".google.protobuf.Int64Value", or "*int64".

    tensorflow-serving-api lacks these two protos, so their fields are written down here from
    session_bundle_config.proto and monitoring_config.proto.
    """
    types = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    proto = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields.items(), start=1):
        entry = proto.field.add(name=field, number=number, label=types.LABEL_OPTIONAL)
        if kind.startswith("*"):
            entry.label, kind = types.LABEL_REPEATED, kind[1:]
        if kind.startswith("."):
            entry.type, entry.type_name = types.TYPE_MESSAGE, kind
        else:
            entry.type = {
                "int64": types.TYPE_INT64,
                "bool": types.TYPE_BOOL,
                "string": types.TYPE_STRING,
            }[kind]
    pool = descriptor_pool.DescriptorPool()
    from google.protobuf import wrappers_pb2

    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return pool, file


def batching(text):
    value = ".google.protobuf.Int64Value"
    pool, _ = message(
        "BatchingParameters",
        {
            "max_batch_size": value,
            "batch_timeout_micros": value,
            "max_enqueued_batches": value,
            "num_batch_threads": value,
            "thread_pool_name": ".google.protobuf.StringValue",
            "allowed_batch_sizes": "*int64",
            "pad_variable_length_inputs": "bool",
            "enable_large_batch_splitting": ".google.protobuf.BoolValue",
            "max_execution_batch_size": value,
        },
    )
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("BatchingParameters"))
    return text_format.Parse(text, kind())


def test_each_model_is_served_from_its_folder_by_its_latest_version(folder):
    assert program(folder) == 0
    configs = server_config((folder / "models.config").read_text()).model_config_list.config
    assert [(c.name, c.base_path) for c in configs] == [
        ("other", "/models/other"),
        ("vae", "/models/vae"),
    ]
    for config in configs:
        assert config.model_platform == "tensorflow"
        assert config.model_version_policy.latest.num_versions == 1
        assert not config.version_labels


def test_labels_name_versions_and_exactly_those_are_served(folder):
    assert program(folder, "--labels", "vae:stable=1", "vae:canary=2") == 0
    other, vae = server_config((folder / "models.config").read_text()).model_config_list.config
    assert list(vae.model_version_policy.specific.versions) == [1, 2]
    assert dict(vae.version_labels) == {"stable": 1, "canary": 2}
    assert other.model_version_policy.latest.num_versions == 1


@pytest.mark.parametrize("largest", [1, 4, 16, 64, 5000])
def test_the_client_and_the_warm_up_fit_any_largest_batch(folder, largest):
    assert program(folder, "--batching", "--max-batch-size", largest, "--cores", 3) == 0
    parsed = batching((folder / "batching_parameters.txt").read_text())
    assert parsed.max_execution_batch_size.value == largest
    assert parsed.enable_large_batch_splitting.value
    # The client sends 64 rows, and more if it is asked to.
    assert parsed.max_batch_size.value == max(1024, largest)
    assert not parsed.allowed_batch_sizes
    assert parsed.num_batch_threads.value == 3


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_requests_are_merged_only_if_one_asks_for_it(folder, name):
    assert program(folder) == 0
    assert "batching" not in (folder / name).read_text()
    assert not (folder / "batching_parameters.txt").exists()
    assert program(folder, "--batching", "--overwrite") == 0
    words = arguments_of(folder, name)
    assert "--enable_batching=true" in words
    assert any(word.startswith("--batching_parameters_file=/") for word in words)


def arguments_of(folder, name):
    """The words after the name of the server in one of the two manifests."""
    documents = list(yaml.safe_load_all((folder / name).read_text()))
    if name == "compose.yaml":
        return documents[0]["services"]["serving"]["command"]
    return documents[1]["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_more_clients_than_cores_get_a_thread(folder, name):
    assert program(folder) == 0
    assert "--grpc_max_threads=64" in arguments_of(folder, name)


def test_monitoring_is_prometheus(folder):
    assert program(folder) == 0
    text = (folder / "monitoring.config").read_text()
    assert text == 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'


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


def test_other_files_are_never_overwritten_silently(folder, capsys):
    assert program(folder) == 0
    assert program(folder) == 0
    (folder / "kubernetes.yaml").write_text("mine")
    (folder / "compose.yaml").write_text("mine")
    before = {name: (folder / name).read_text() for name in FILES}
    assert program(folder, "--cores", 4) == 2
    assert "Expected no other compose.yaml, kubernetes.yaml" in capsys.readouterr().err
    assert {name: (folder / name).read_text() for name in FILES} == before
    assert program(folder, "--cores", 4, "--overwrite") == 0
    assert (folder / "compose.yaml").read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "stable=1"], "Expected NAME:LABEL=VERSION"),
        (["--labels", "vae:stable=one"], "Expected NAME:LABEL=VERSION"),
        (["--labels", "vae:stable=3"], "Expected a version that is there"),
        (["--labels", "nobody:stable=1"], "Expected a version that is there"),
        (["--labels", "vae:stable=01"], "Expected NAME:LABEL=VERSION"),
        (["--labels", "vae:stable=1", "vae:stable=2"], "Expected each label of a model once"),
        (["--labels", 'vae:a" value: 2 }=1'], "Expected NAME:LABEL=VERSION"),
        (["--labels", "vae:a\nb=1"], "Expected NAME:LABEL=VERSION"),
        (["--image", "a: {b}"], "Expected --image"),
        (["--image", "a\n    privileged: true"], "Expected --image"),
        (["--image", "serving:1\n"], "Expected --image"),
        (["--image", "$HOME"], "Expected --image"),
        (["--image", ""], "Expected --image"),
        (["--mount", 'a"b'], "Expected --mount"),
        (["--mount", "/models/../etc"], "Expected --mount"),
        (["--mount", "/models:/etc"], "Expected --mount"),
        (["--mount", "/m\n      - /:/host"], "Expected --mount"),
        (["--mount", "models"], "Expected --mount"),
        (["--mount", "/"], "Expected --mount"),
        (["--max-batch-size", "0"], "of at least 1"),
    ],
)
def test_bad_arguments_are_an_error_that_writes_nothing(folder, capsys, arguments, message):
    assert program(folder, *arguments) == 2
    assert message in capsys.readouterr().err
    assert not any((folder / name).exists() for name in FILES)


def test_a_folder_without_models_is_an_error(tmp_path, capsys):
    assert program(tmp_path) == 2
    assert f"keras-vae export saved-model RUN {tmp_path}" in capsys.readouterr().err
    assert program(tmp_path / "nowhere") == 2


def test_a_version_with_a_wrong_name_is_an_error(folder, capsys):
    (folder / "vae" / "2").rename(folder / "vae" / "v2")
    assert program(folder) == 2
    assert "Expected version folders named by whole numbers" in capsys.readouterr().err


def test_a_signature_that_cannot_be_batched_is_an_error(tmp_path, capsys):
    import tensorflow as tf

    module = tf.Module()
    count = tf.function(lambda n: {"y": n + 1}, input_signature=[tf.TensorSpec((), tf.int32, "n")])
    tf.saved_model.save(module, str(tmp_path / "counter" / "1"), signatures=count)
    assert program(tmp_path) == 0
    assert program(tmp_path, "--batching") == 2
    assert "Expected signatures whose tensors all have a batch" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["07", "9", "+3", "-1"])
def test_a_numbered_folder_that_is_no_version_is_an_error(folder, capsys, name):
    # TF Serving reads 07 as 7, and tries to load the highest number.
    (folder / "vae" / name).mkdir()
    assert program(folder) == 2
    assert "Expected saved_model.pb in each folder" in capsys.readouterr().err


def test_labels_that_share_a_version_ask_for_it_once():
    text = models_config([Model("vae", [1, 2], {"a": 2, "b": 2}, [2])], "/models")
    vae = server_config(text).model_config_list.config[0]
    assert list(vae.model_version_policy.specific.versions) == [2]


def test_what_is_written_is_read_again():
    models = [Model("other", []), Model("vae", [], {"a": 2, "b.c-d": 1}, [1, 2, 3])]
    read = read_models_config(models_config(models, "/models"))
    assert list(read.values()) == models
    assert read_models_config("") == {}


def served(folder):
    """Loaded versions and labels of vae, as TF Serving reads them."""
    vae = server_config((folder / "models.config").read_text()).model_config_list.config[1]
    return list(vae.model_version_policy.specific.versions), dict(vae.version_labels)


def test_a_label_moves_to_a_version_that_is_not_loaded_in_two_steps(folder, capsys):
    assert program(folder, "--labels", "vae:stable=1") == 0
    assert served(folder) == ([1], {"stable": 1})
    move = ("--labels", "vae:stable=2", "--overwrite")
    capsys.readouterr()
    assert program(folder, *move) == 75
    assert served(folder) == ([1, 2], {"stable": 1})
    assert "the server loads version 2 first" in capsys.readouterr().out
    assert program(folder, *move) == 0
    assert served(folder) == ([1, 2], {"stable": 2})
    assert "version 1 stays loaded" in capsys.readouterr().out
    # Back, which is one step while the former version is loaded, and forth.
    assert program(folder, "--labels", "vae:stable=1", "--overwrite") == 0
    assert served(folder) == ([1, 2], {"stable": 1})
    assert program(folder, *move) == 0
    for _ in range(2):
        assert program(folder, *move) == 0
        assert served(folder) == ([2], {"stable": 2})


def test_a_new_label_and_a_label_of_a_loaded_version_need_one_step(folder):
    assert program(folder, "--labels", "vae:stable=1") == 0
    # TF Serving takes a label that is not in use, also of a version that it has not loaded.
    both = ("--labels", "vae:stable=1", "vae:canary=2", "--overwrite")
    assert program(folder, *both) == 0
    assert served(folder) == ([1, 2], {"stable": 1, "canary": 2})
    assert program(folder, "--labels", "vae:stable=2", "vae:canary=2", "--overwrite") == 0
    assert served(folder) == ([1, 2], {"stable": 2, "canary": 2})


def test_a_version_that_is_gone_is_not_kept(folder):
    assert program(folder, "--labels", "vae:stable=1") == 0
    (folder / "vae" / "1").unlink()
    assert program(folder, "--labels", "vae:stable=2", "--overwrite") == 75
    assert served(folder) == ([2], {"stable": 1})


def test_an_image_may_be_named_by_its_digest(folder):
    image = f"registry.example:5000/a/serving@sha256:{'0a' * 32}"
    assert program(folder, "--image", image, "--mount", "/srv/my-models_1/") == 0
    service = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["serving"]
    assert service["image"] == image
    assert service["volumes"] == [".:/srv/my-models_1:ro"]
    deployment = list(yaml.safe_load_all((folder / "kubernetes.yaml").read_text()))[1]
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image


def test_a_link_in_the_way_of_a_temporary_file_is_not_followed(folder, tmp_path_factory):
    victim = tmp_path_factory.mktemp("elsewhere") / "victim"
    victim.write_text("keep")
    for name in FILES:
        (folder / f".{name}.{os.getpid()}.partial").symlink_to(victim)
        (folder / f".{name}.{os.getpid()}.tmp").symlink_to(victim)
    assert program(folder) == 0
    assert victim.read_text() == "keep"
    assert all((folder / name).is_file() and not (folder / name).is_symlink() for name in FILES)


def test_the_command_to_type_next_is_quoted(tmp_path, exported, capsys):
    folder = tmp_path / "my models; echo"
    (folder / "vae").mkdir(parents=True)
    (folder / "vae" / "1").symlink_to(exported)
    assert program(folder) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert shlex.split(last)[-2:] == [str(folder / "compose.yaml"), "up"]
