"""What serve-config writes is read by the real protos and YAML, and never overwrites."""

import subprocess

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from keras_vae import cli
from keras_vae.export.serving import tf_serving
from keras_vae.export.serving.tf_serving import Model
from tests.support import serving

pytestmark = pytest.mark.tensorflow

FILES = (
    *("models.config", "batching_parameters.txt", "monitoring.config"),
    *("compose.yaml", "kubernetes.yaml"),
)


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


def test_the_batching_parameters_are_what_the_server_checks(folder):
    assert program(folder, "--max-batch-size", 48, "--cores", 3) == 0
    parsed = batching((folder / "batching_parameters.txt").read_text())
    assert parsed.max_batch_size.value == 48
    assert parsed.num_batch_threads.value == 3
    assert list(parsed.allowed_batch_sizes) == [1, 8, 32, 48]


@pytest.mark.parametrize("largest", [1, 2, 8, 9, 64, 1000])
def test_the_last_allowed_batch_size_is_the_largest_and_they_ascend(largest):
    sizes = tf_serving.allowed_batch_sizes(largest)
    assert sizes[-1] == largest
    assert sizes == sorted(set(sizes))


def test_monitoring_is_prometheus(folder):
    assert program(folder) == 0
    text = (folder / "monitoring.config").read_text()
    assert text == 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'


def test_compose_mounts_the_folder_and_names_files_that_are_there(folder):
    assert program(folder, "--image", "registry.example/serving:1") == 0
    service = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["serving"]
    assert service["image"] == "registry.example/serving:1"
    assert service["volumes"] == [".:/models:ro"]
    assert service["ports"] == ["8500:8500", "8501:8501"]
    for word in service["command"]:
        if "_file=" in word:
            assert (folder / word.partition("=/models/")[2]).is_file()


def test_kubernetes_has_the_same_configuration_in_it(folder):
    assert program(folder) == 0
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
    assert program(folder) == 0
    for name in FILES:
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
    (folder / "compose.yaml").write_text("mine")
    before = {name: (folder / name).read_text() for name in FILES}
    assert program(folder, "--cores", 4) == 2
    assert "Expected no other batching_parameters.txt, compose.yaml" in capsys.readouterr().err
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
    assert program(tmp_path) == 2
    assert "Expected signatures whose tensors all have a batch" in capsys.readouterr().err


def test_labels_that_share_a_version_ask_for_it_once():
    text = tf_serving.models_config([Model("vae", [1, 2], {"a": 2, "b": 2})], "/models")
    vae = server_config(text).model_config_list.config[0]
    assert list(vae.model_version_policy.specific.versions) == [2]
