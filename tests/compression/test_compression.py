"""Files of codes: exact there and back, near their entropy, and never silently wrong."""

import functools

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import keras_vae as kv
from keras_vae import compression
from keras_vae.compression import coder
from keras_vae.compression.container import Container
from keras_vae.compression.tables import Tables, count_tables
from tests.support.models import CASES, array, dense, uniform

pytest.importorskip("constriction", reason="pip install keras-vae[compression]")

ALL = {case.id: case for case in CASES}
STEPS = {
    **{"autoencoder": 0.05, "conv_vae": 0.1, "compressive": None, "vq_vae": None, "fsq": None},
    "residual_vq_vae": None,
}
FEW = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@functools.cache
def model_of(name):
    """The model, made once a process."""
    return ALL[name].make()


@functools.cache
def blob_of(name="compressive", **kwargs):
    return compression.compress(model_of(name), ALL[name].x, STEPS[name], **kwargs)


def test_each_codebook_has_a_table_of_its_own():
    model = model_of("residual_vq_vae")
    codes = array(model.encode(ALL["residual_vq_vae"].x)).reshape(-1, 2)
    found = compression.fit_tables(model, ALL["residual_vq_vae"].x)
    assert found.lows == tuple(codes.min(axis=0)) and len(found.frequencies) == 2
    lengths = np.ptp(codes, axis=0) + 2  # The last one is of integers that are not in a table.
    assert [len(row) for row in found.frequencies] == list(lengths)


integers = st.one_of(st.integers(-5, 5), st.integers(-(2**31), 2**31 - 1))


@FEW
@given(st.lists(st.lists(integers, min_size=3, max_size=3), min_size=1, max_size=20))
def test_any_integers_come_back_from_the_coder_in_the_table_or_not(rows):
    symbols, contexts = np.array(rows, "int64"), np.array([0, 1, 0])
    tables = Tables((-2, 0), ((5, 1, 900, 3, 1), (7, 1)))
    payload = coder.encode(symbols, contexts, tables)
    np.testing.assert_array_equal(coder.decode(payload, len(rows), contexts, tables), symbols)


@pytest.mark.long
@FEW
@given(st.integers(0, 2**31 - 1), st.integers(1, 5), st.binary(max_size=30))
def test_codes_of_any_examples_come_back_from_a_file_with_its_note(seed, count, note):
    model = model_of("compressive")
    x = np.random.default_rng(seed).normal(0.0, 10.0, (count, 6)).astype("float32")
    blob = compression.compress(model, x, note=note)
    assert compression.read_note(blob) == note
    np.testing.assert_array_equal(
        compression.read_codes(model, blob), compression.codes_of(model, x)
    )


@FEW
@given(
    st.binary(min_size=8, max_size=8),
    st.integers(0, 2**32 - 1),
    st.lists(st.binary(max_size=40), min_size=3, max_size=3),
)
def test_any_parts_come_back_from_a_file(model, count, parts):
    file = Container(model, model[::-1], count, *parts)
    assert Container.from_bytes(file.to_bytes()) == file


@FEW
@given(st.lists(st.integers(-300, 300), min_size=1, max_size=50), st.floats(0, 9, width=32))
def test_tables_come_back_from_bytes(values, step):
    tables = count_tables([np.array(values), np.array([7])], step)
    assert Tables.from_bytes(tables.to_bytes()) == tables
    assert tables.lows == (min(values), 7)
    assert all(isinstance(n, int) and n > 0 for row in tables.frequencies for n in row)


def test_the_code_is_as_long_as_its_entropy():
    """Within 1 % of the sum of -log2 of the true probabilities."""
    p = np.array([0.02, 0.08, 0.5, 0.3, 0.1])
    symbols = np.random.default_rng(0).choice(5, (20_000, 2), p=p) - 2
    contexts = np.array([0, 0])
    payload = coder.encode(symbols, contexts, count_tables([symbols]))
    bits = -np.log2(p[symbols + 2]).sum()
    assert 8 * len(payload) == pytest.approx(bits, rel=0.01)


def test_bytes_of_another_machine_and_year_are_read():
    """These were written once; a coder that changed would read something else."""
    tables = Tables((-3,), ((10, 200, 3000, 9000, 3000, 200, 10, 1),))
    payload = bytes.fromhex(GOLDEN)
    wanted = np.array([[0], [1], [-1], [0], [-3], [2], [0], [77], [0], [3], [-2], [0]])
    found = coder.decode(payload, 12, np.array([0]), tables)
    np.testing.assert_array_equal(found, wanted)
    assert coder.encode(wanted, np.array([0]), tables) == payload


GOLDEN = "02000000010000005ffc28adfd16e9834d000000"


@pytest.mark.parametrize("name", STEPS)
def test_what_comes_back_is_what_the_model_decodes_of_its_codes(name):
    model, blob = model_of(name), blob_of(name, note=b"names")
    codes = array(model.encode(ALL[name].x))
    if STEPS[name]:
        codes = (np.round(codes / STEPS[name]) * STEPS[name]).astype("float32")
    found = compression.read_codes(model, blob)
    assert found.dtype == model.latent_dtype
    np.testing.assert_allclose(found, codes, rtol=1e-5)
    np.testing.assert_array_equal(found, compression.codes_of(model, ALL[name].x, STEPS[name]))
    images = compression.decompress(model, blob)
    np.testing.assert_allclose(images, array(model.decode(codes)), rtol=1e-4, atol=1e-5)
    assert compression.read_note(blob) == b"names"


def test_tables_of_many_examples_serve_few_and_those_that_they_never_saw(tmp_path):
    model, x = model_of("autoencoder"), ALL["autoencoder"].x
    tables = compression.fit_tables(model, x[:9], 0.05)
    tables.save(tmp_path / "tables.bin")
    loaded = Tables.load(tmp_path / "tables.bin")
    few = compression.compress(model, x[9:11] * 30, tables=tables)
    wanted = compression.codes_of(model, x[9:11] * 30, 0.05)
    np.testing.assert_array_equal(compression.read_codes(model, few, loaded), wanted)
    own = compression.compress(model, x[9:10], 0.05)
    assert len(compression.compress(model, x[9:10], tables=tables)) < len(own)
    for other in (None, compression.fit_tables(model, x, 0.05)):
        with pytest.raises(ValueError, match="Expected the tables that the file was compressed"):
            compression.read_codes(model, few, other)
    with pytest.raises(FileExistsError):
        tables.save(tmp_path / "tables.bin")


# What is refused.


def test_every_change_of_one_byte_is_refused():
    """All places, three changes each; and Hypothesis below for larger damage."""
    blob = blob_of()
    for place in range(len(blob)):
        for change in (1, 128, 255):
            altered = bytearray(blob)
            altered[place] ^= change
            with pytest.raises(ValueError, match="Expected"):
                compression.read_codes(model_of("compressive"), bytes(altered))


@FEW
@given(st.data())
def test_damage_is_refused_or_changes_nothing(data):
    blob = blob_of()
    start = data.draw(st.integers(0, len(blob)))
    end = data.draw(st.integers(start, len(blob)))
    altered = blob[:start] + data.draw(st.binary(max_size=20)) + blob[end:]
    model = model_of("compressive")
    try:
        found = compression.read_codes(model, altered)
    except ValueError:
        return
    np.testing.assert_array_equal(found, compression.read_codes(model, blob))
    assert altered == blob


@FEW
@given(st.binary(max_size=80), st.integers(0, 5))
def test_a_payload_of_anything_is_read_or_refused_but_never_crashes(payload, count):
    """Behind a checksum that is right, as a program with a fault might write it."""
    model = model_of("compressive")
    parts = Container.from_bytes(blob_of())
    blob = Container(parts.model, parts.needed, count, b"", parts.tables, payload).to_bytes()
    try:
        assert compression.read_codes(model, blob).shape == (count, 3)
    except ValueError:
        pass


def test_a_file_of_another_version_says_so():
    blob = bytearray(blob_of())
    blob[4] = 2
    with pytest.raises(ValueError, match="Expected a file of version 1. Received: version 2"):
        compression.decompress(model_of("compressive"), bytes(blob))


def trained_on(model):
    model.trainable_variables[0].assign_add(1e-6 * np.ones(model.trainable_variables[0].shape))
    return model


def other_configuration():
    keras.utils.set_random_seed(7)
    return kv.CompressiveAutoencoder(*dense(), rate_weight=0.2, seed=1)


@pytest.mark.parametrize(
    "other",
    [lambda: trained_on(ALL["compressive"].make()), other_configuration, ALL["autoencoder"].make],
)
def test_a_file_of_another_model_is_refused(other):
    with pytest.raises(ValueError, match=r"(?s)Expected the model that compressed.*\.keras"):
        compression.decompress(other(), blob_of())


def test_the_same_model_from_its_file_reads_what_it_wrote(tmp_path):
    model = ALL["compressive"].make()
    blob = compression.compress(model, ALL["compressive"].x)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    wanted = compression.read_codes(model, blob)
    np.testing.assert_array_equal(compression.read_codes(loaded, blob), wanted)


@pytest.mark.parametrize(
    ("name", "x", "step", "error", "message"),
    [
        ("autoencoder", None, None, ValueError, "a step above 0 for codes of real numbers"),
        ("autoencoder", None, 0.0, ValueError, "a step above 0.*Received: step=0.0"),
        ("autoencoder", None, 1e-6, ValueError, "span less than 32768.*greater step"),
        ("autoencoder", None, 1e-300, ValueError, r"within 2\^31 steps"),
        ("fsq", None, 1.0, ValueError, "no step for integer codes. Received: step=1.0"),
        ("fsq", uniform(3, 5), None, ValueError, "Expected x of shape"),
        ("fsq", uniform(0, 6), None, ValueError, "at least one example"),
        ("conditional_vae", None, 1.0, TypeError, "Expected a model of one array"),
    ],
)
def test_what_cannot_be_compressed_is_refused(name, x, step, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        compression.compress(model_of(name), ALL[name].x if x is None else x, step)
