"""Every endpoint of every model keeps its promises in Keras and in all formats of files.

A promise is written once, as a table of requests in `tests.support.artifacts`.
"""

import numpy as np
import pytest
from scipy import stats

import keras_vae
from keras_vae.export.litert.allowed_ops import op_names
from keras_vae.export.runtimes import cpp_loader
from keras_vae.export.saved_model.png_endpoint import decode_png, is_image, white_of
from tests.support import artifacts
from tests.support.artifacts import CASES, CHANGED, Artifact, requests
from tests.support.litert_files import PLAIN, VARIATIONAL, signatures
from tests.support.models import event

pytestmark = pytest.mark.tensorflow

FILES = ("SavedModel", "LiteRT", "ONNX")
# Those that check shapes. LiteRT's signature runner in Python resizes the inputs of a file.
OF_ANY_BATCH = ("SavedModel", "ONNX")
# What every endpoint of a case takes in addition to its own input.
ALSO = {
    "ConditionalVAE": {"condition"},
    "SemiSupervisedVAE": {"condition"},
    "LSTMVAE": {"mask"},
    "TCNVAE": {"mask"},
    "TransformerAutoencoder": {"mask"},
}
# Endpoints that one class has.
OWN = {
    "SemiSupervisedVAE": {"classify": ({"x"}, {"probabilities"})},
    "VaDE": {"cluster": ({"x"}, {"probabilities"})},
}
VAE = next(case for case in CASES if case.id == "vae_bernoulli")
PREPROCESSED = next(case for case in CASES if case.id == "preprocessed_vae")
# LiteRT's sigmoid with AVX-512 is NaN beyond 8.8e26, see docs/export.md.
LARGEST_ON_DEVICES = np.float32(1e26)
# Models whose answers to extreme numbers are compared.
IN_EXTREMES = (
    *("vae_bernoulli", "vq_vae", "compressive", "detector_likelihood", "conditional_vae"),
    "lstm_vae_masked",
)
OF_PICTURES = {
    case.id
    for case in CASES
    if not case.id.startswith("detector") and is_image(event(case.x).shape[1:])
}


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.id)
def artifact(request, tmp_path_factory):
    case = request.param
    made = Artifact(case.make(), tmp_path_factory.mktemp("artifact"), case.x)
    made.id = case.id
    with pytest.MonkeyPatch.context() as patch:
        # The server checks types only: what the loader checks in Python is left out.
        patch.setattr(cpp_loader, "check_inputs", lambda _, name, inputs: inputs)
        yield made
    made.loaded.close()


def relative_error(name, found, wanted):
    """The largest error, as a fraction of the largest value."""
    # The terms of a score are of the order of 1, even where their sum is not.
    scale = max(np.abs(wanted).max(), 0.0 if name == "reconstruction" else 1.0) or 1.0
    return np.abs(found.astype("float64") - wanted).max() / scale


def test_every_format_answers_as_keras_does(artifact):
    for endpoint, why, inputs in requests(artifact, artifacts.valid):
        wanted = artifact.ask_keras(endpoint, inputs)
        for format in FILES:
            found = artifact.formats[format](endpoint, inputs)
            assert {k: (a.dtype, a.shape) for k, a in found.items()} == {
                k: (a.dtype, a.shape) for k, a in wanted.items()
            }
            errors = {name: relative_error(name, found[name], wanted[name]) for name in wanted}
            assert max(errors.values()) < 1e-5, (format, why, errors)


def test_a_row_that_is_not_finite_is_answered_alike_and_changes_no_other(artifact):
    for endpoint, why, inputs in requests(artifact, artifacts.not_finite):
        usual = artifact.usual[endpoint]
        instead = 1 if "is_anomaly" in usual else 0
        for format, ask in artifact.formats.items():
            for name, array in ask(endpoint, inputs).items():
                about = (format, why, name)
                wanted = np.nan if array.dtype == "float32" else instead
                if name == "threshold":  # It does not depend on the row.
                    wanted = usual[name][CHANGED]
                np.testing.assert_array_equal(array[CHANGED], wanted, err_msg=str(about))
                others, kept = (np.delete(a, CHANGED, axis=0) for a in (array, usual[name]))
                assert relative_error(name, others, kept) < 1e-5, about


@pytest.mark.only_with(artifact=lambda case: case.id in IN_EXTREMES)
def test_numbers_far_outside_of_the_data_are_answered_alike(artifact):
    for endpoint, why, inputs in requests(artifact, artifacts.extremes):
        wanted = artifact.ask_keras(endpoint, inputs)
        largest = max(np.abs(array).max() for array in inputs.values())
        for format in FILES if largest <= LARGEST_ON_DEVICES else OF_ANY_BATCH:
            for name, array in artifact.formats[format](endpoint, inputs).items():
                finite = np.isfinite(wanted[name])
                np.testing.assert_array_equal(np.isfinite(array), finite, err_msg=f"{format} {why}")
                found, expected = array[finite], wanted[name][finite]
                if expected.size:
                    assert relative_error(name, found, expected) < 1e-4, (format, why, name)


def test_numbers_that_an_input_does_not_take_are_refused_by_every_file(artifact):
    refuse_all(artifact, FILES, artifacts.wrong_numbers)


def test_arrays_of_other_shapes_are_refused_by_files_of_any_batch(artifact):
    refuse_all(artifact, OF_ANY_BATCH, artifacts.wrong_shapes)


def refuse_all(artifact, formats, table):
    answered = []
    for format in formats:
        for endpoint, why, inputs in requests(artifact, table, served=format == "SavedModel"):
            try:
                artifact.formats[format](endpoint, inputs)
            except (RuntimeError, ValueError) as error:
                # A server would answer INVALID_ARGUMENT.
                assert format != "SavedModel" or "status 3" in str(error), error
            else:
                answered.append((format, why))
        for name in artifact.endpoints:  # It goes on.
            artifact.formats[format](name, artifact.rows[name])
    assert answered == []


@pytest.mark.parametrize("format", OF_ANY_BATCH)
def test_inputs_of_different_lengths_are_refused_by_files_of_any_batch(artifact, format):
    served = format == "SavedModel"
    for endpoint, _, inputs in requests(artifact, artifacts.fewer_rows, served=served):
        if len(inputs) > 1:
            with pytest.raises(RuntimeError, match="status 3" if served else "ONNX Runtime"):
                artifact.formats[format](endpoint, inputs)


@pytest.mark.parametrize("format", OF_ANY_BATCH)
def test_a_request_without_rows_does_not_end_the_server(artifact, format):
    for name in artifact.served if format == "SavedModel" else artifact.endpoints:
        inputs = {key: array[:0] for key, array in artifact.rows[name].items()}
        try:
            answer = artifact.formats[format](name, inputs)
        except RuntimeError:
            continue
        assert {len(array) for array in answer.values()} == {0}


def test_an_onnx_file_names_its_batch_and_its_endpoint(artifact):
    for name, session in artifact.sessions.items():
        assert session.get_modelmeta().graph_name == name
        tensors = {t.name: t.shape[:1] for t in (*session.get_inputs(), *session.get_outputs())}
        tensors.pop("threshold", None)
        assert {size for shape in tensors.values() for size in shape} == {"batch"}, tensors


def test_models_of_pictures_and_no_others_take_files(artifact):
    pictures = is_image(tuple(artifact.model.event_shape)) and "reconstruct" in artifact.endpoints
    assert ("reconstruct_png" in artifact.served) == pictures == (artifact.id in OF_PICTURES)


@pytest.mark.only_with(artifact=lambda case: case.id in OF_PICTURES)
def test_pictures_in_files_are_answered_as_those_in_numbers(artifact):
    inputs = dict(artifact.rows["reconstruct_png"])
    files = artifact.loaded.run("reconstruct_png", inputs)["reconstruction_bytes"]
    white = white_of(artifact.endpoints["reconstruct"].inputs[0])
    x = decode_png(inputs.pop("image_bytes")).astype("float32") / 255 * white
    pictures = artifact.ask_keras("reconstruct", {"x": x, **inputs})["reconstruction"]
    levels = 255 * np.clip(pictures / white, 0, 1).astype("float64")
    assert np.abs(decode_png(files) - levels).max() < 0.51


# What a file says.


def test_a_file_has_one_signature_for_each_endpoint(artifact):
    assert set(artifact.loaded.signatures) == {*artifact.served, "serving_default"}


# tests/anomalies names the outputs of detectors.
@pytest.mark.only_with(artifact=lambda case: not case.id.startswith(("detector", "prior")))
def test_a_file_has_the_names_of_the_model(artifact):
    model = artifact.model
    outputs = VARIATIONAL if isinstance(model, keras_vae.VAE) else PLAIN
    if isinstance(model, keras_vae.WAE | keras_vae.AdversarialAutoencoder):
        outputs = {**PLAIN, "sample": VARIATIONAL["sample"]}
    if isinstance(model, keras_vae.CompressiveAutoencoder):
        outputs = {**PLAIN, "score": PLAIN["score"] | {"rate"}}
    inputs = {"decode": {"z"}, "sample": {"seed"}}
    also = ALSO.get(type(model).__name__, set())
    assert signatures(artifact.tflite) == {
        **{k: (inputs.get(k, {"x"}) | also, v) for k, v in outputs.items()},
        **OWN.get(type(model).__name__, {}),
    }


def test_every_tensor_of_a_tflite_file_has_a_batch_of_one(artifact):
    for runner in artifact.runners.values():
        details = {**runner.get_input_details(), **runner.get_output_details()}
        assert {d["shape_signature"][0] for d in details.values()} == {1}, details


def test_a_tflite_file_has_builtin_ops_only(artifact):
    names = op_names(artifact.tflite.read_bytes())
    assert names and not any(name.startswith(("Flex", "custom:")) for name in names)


# A reference that shares no code with Keras.


def numpy_vae(model):
    """The dense VAE in NumPy, in float64: its endpoints of x and z."""
    leaky = lambda x: np.where(x > 0, x, 0.2 * x)  # noqa: E731
    (w, b), (w_mean, b_mean), (w_var, b_var) = weights(model.encoder)
    (v, c), (v_out, c_out) = weights(model.decoder)

    def encode(x):
        h = leaky(x @ w + b)
        return {"z_mean": h @ w_mean + b_mean, "z_log_var": h @ w_var + b_var}

    def decode(z):
        return {"reconstruction": 1 / (1 + np.exp(-(leaky(z @ v + c) @ v_out + c_out)))}

    def score(x):
        mean, log_var = encode(x).values()
        p = decode(mean)["reconstruction"]
        error = -np.sum(x * np.log(p) + (1 - x) * np.log1p(-p), axis=1)
        kl = 0.5 * np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=1)
        return {"score": error + kl, "reconstruction_error": error, "kl": kl}

    def reconstruct(x):
        return decode(encode(x)["z_mean"])

    return {"encode": encode, "decode": decode, "score": score, "reconstruct": reconstruct}


def weights(network):
    """Kernel and bias of each dense layer, in float64."""
    return [
        [np.float64(w) for w in layer.get_weights()] for layer in network.layers if layer.weights
    ]


@pytest.mark.parametrize("artifact", [PREPROCESSED], indirect=True, ids=["preprocessed_vae"])
def test_every_format_preprocesses_as_numpy_does(artifact):
    """Raw readings with gaps; the nats are those of the raw readings that are there."""
    leaky = lambda x: np.where(x > 0, x, 0.2 * x)  # noqa: E731
    (w, b), (w_mean, b_mean), (w_var, b_var) = weights(artifact.model.encoder)
    (v, c), (kernel, bias) = weights(artifact.model.decoder)
    x = artifacts.READINGS[: artifacts.ROWS].astype("float64")
    mean, std = np.nanmean(artifacts.READINGS, 0), np.nanstd(artifacts.READINGS, 0)
    h = leaky(np.where(np.isnan(x), 0, (x - mean) / std) @ w + b)
    z_mean, z_log_var = h @ w_mean + b_mean, h @ w_var + b_var
    location, log_var = np.split(leaky(z_mean @ v + c) @ kernel + bias, 2, axis=1)
    nats = stats.norm(mean + std * location, std * np.exp(log_var / 2)).logpdf(x)
    kl = 0.5 * np.sum(z_mean**2 + np.exp(z_log_var) - 1 - z_log_var, axis=1)
    wanted = {
        "encode": {"z_mean": z_mean, "z_log_var": z_log_var},
        "reconstruct": {"reconstruction": mean + std * location},
        "score": {"score": kl - np.nansum(nats, 1), "reconstruction_error": -np.nansum(nats, 1)},
    }
    assert np.isnan(x).any()
    for name, outputs in wanted.items():
        for format, ask in artifact.formats.items():
            found = ask(name, {"x": x.astype("float32")})
            for output, values in outputs.items():
                np.testing.assert_allclose(found[output], values, rtol=1e-4, atol=1e-3)
                assert np.isfinite(found[output]).all(), (format, name)


@pytest.mark.parametrize("artifact", [VAE], indirect=True, ids=["vae"])
def test_every_format_answers_as_numpy_does(artifact):
    reference = numpy_vae(artifact.model)
    for name, endpoint in reference.items():
        ((key, rows),) = artifact.rows[name].items()
        wanted = endpoint(rows.astype("float64"))
        for format, ask in artifact.formats.items():
            found = ask(name, {key: rows})
            assert set(found) == set(wanted)
            for output, values in wanted.items():
                assert relative_error(output, found[output], values) < 1e-5, (format, name, output)
