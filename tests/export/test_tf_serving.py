"""What serve-config writes is read by the real protos, and never overwrites."""

import os

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from keras_vae.export.serving.served_models import Model, models_config, read_models_config
from tests.support.serving_folders import FILES, fill, program, server_config

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path)


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


def test_monitoring_is_prometheus(folder):
    assert program(folder) == 0
    text = (folder / "monitoring.config").read_text()
    assert text == 'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'


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


@pytest.mark.parametrize("name", ['v"ae', "v ae", "v: {ae}", "v\nae"])
def test_a_model_whose_name_would_be_another_text_in_the_files_is_an_error(folder, capsys, name):
    (folder / "vae").rename(folder / name)
    assert program(folder) == 2
    assert "Expected a name of letters, digits" in capsys.readouterr().err
    assert not any((folder / one).exists() for one in FILES)


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


def test_what_is_written_is_read_again():
    models = [Model("other", []), Model("vae", [], {"a": 2, "b.c-d": 1}, [1, 2, 3])]
    read = read_models_config(models_config(models, "/models"))
    assert list(read.values()) == models
    assert read_models_config("") == {}


def test_a_link_in_the_way_of_a_temporary_file_is_not_followed(folder, tmp_path_factory):
    victim = tmp_path_factory.mktemp("elsewhere") / "victim"
    victim.write_text("keep")
    for name in FILES:
        (folder / f".{name}.{os.getpid()}.partial").symlink_to(victim)
        (folder / f".{name}.{os.getpid()}.tmp").symlink_to(victim)
    assert program(folder) == 0
    assert victim.read_text() == "keep"
    assert all((folder / name).is_file() and not (folder / name).is_symlink() for name in FILES)
