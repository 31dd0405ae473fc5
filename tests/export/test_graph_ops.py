"""A SavedModel whose graph does more than compute is neither loaded nor written."""

import numpy as np
import pytest
import tensorflow as tf

from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.verification import graph_ops
from tests.support import serving

pytestmark = pytest.mark.tensorflow


def save(folder, function):
    module = tf.Module()
    module.weight = tf.Variable(2.0)
    spec = tf.TensorSpec((None,), tf.float32, name="x")
    module.run = tf.function(lambda x: {"y": function(x) * module.weight}, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures={"run": module.run})
    return folder


def read(x, target):
    return x + tf.strings.to_number(tf.io.read_file(str(target)))


def write(x, target):
    with tf.control_dependencies([tf.io.write_file(str(target), "bad")]):
        return tf.identity(x)


def in_a_branch(x, target):
    return tf.cond(tf.reduce_sum(x) > 0, lambda: write(x, target), lambda: x)


def in_a_loop(x, target):
    return tf.while_loop(lambda y: tf.reduce_sum(y) < 9, lambda y: (write(y, target) + 1,), (x,))[0]


def in_a_map(x, target):
    return tf.map_fn(lambda one: write(one, target), x)


def saves(x, target):
    with tf.control_dependencies(
        [
            tf.raw_ops.SaveV2(
                prefix=str(target), tensor_names=["a"], shape_and_slices=[""], tensors=[x]
            )
        ]
    ):
        return tf.identity(x)


@pytest.mark.parametrize(
    ("function", "op"),
    [
        (read, "ReadFile"),
        (write, "WriteFile"),
        (in_a_branch, "WriteFile"),
        (in_a_loop, "WriteFile"),
        (in_a_map, "WriteFile"),
        (saves, "SaveV2"),
        (lambda x, _: tf.py_function(lambda y: y, [x], tf.float32), "EagerPyFunc"),
        (lambda x, _: x + tf.random.uniform(tf.shape(x)), "RandomUniform"),
        (
            lambda x, target: x + tf.cast(tf.size(tf.io.matching_files(f"{target}*")), "float32"),
            "MatchingFiles",
        ),
    ],
)
def test_a_file_that_does_more_than_compute_is_not_loaded(tmp_path, function, op):
    target = tmp_path / "target"
    folder = save(tmp_path / "model", lambda x: function(x, target))
    with pytest.raises(ValueError, match=f"Expected a SavedModel of ops that compute only.*{op}"):
        cpp_loader.SavedModel(folder)
    assert not list(tmp_path.glob("target*"))


def test_a_file_that_computes_is_loaded(tmp_path):
    def absolute(x):
        return tf.map_fn(lambda y: tf.cond(y > 0, lambda: y, lambda: -y), x)

    with cpp_loader.SavedModel(save(tmp_path / "model", absolute)) as model:
        x = np.array([-1.0, 3.0], "float32")
        assert model.run("run", {"x": x})["y"].tolist() == [2.0, 6.0]


def test_an_initializer_of_a_stranger_is_not_run(tmp_path):
    from tensorflow.core.protobuf import saved_model_pb2

    folder = save(tmp_path / "model", lambda x: x)
    file = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    graph = saved.meta_graphs[0]
    node = graph.graph_def.node.add(name="evil", op="WriteFile")
    node.input.extend(["path", "path"])
    graph.saver_def.restore_op_name = "evil"
    file.write_bytes(saved.SerializeToString())
    with pytest.raises(ValueError, match="compute only.*WriteFile"):
        graph_ops.refuse_impure(folder)
    graph.saver_def.restore_op_name = "NoOp"
    graph.signature_def["__saved_model_init_op"].outputs["__saved_model_init_op"].name = "evil:0"
    file.write_bytes(saved.SerializeToString())
    with pytest.raises(ValueError, match="compute only.*WriteFile"):
        graph_ops.refuse_impure(folder)


def test_another_graph_beside_the_one_that_was_checked_is_refused(tmp_path):
    folder = save(tmp_path / "model", lambda x: x)
    (folder / "saved_model.cpb").touch()
    with pytest.raises(ValueError, match=r"Expected one graph.*saved_model\.cpb"):
        cpp_loader.SavedModel(folder)


@pytest.mark.slow
def test_ops_of_our_own_exports_are_all_allowed():
    graph_ops.refuse_impure(serving.saved_model("ConvVAE"))
