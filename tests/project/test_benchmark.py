"""The benchmark compares what is equal, in turn, and says what is missing; no test is of time."""

import contextlib
import dataclasses
import math

import numpy as np
import pytest

from benchmarks import __main__ as program
from benchmarks import network, paired, report
from benchmarks.groups import startup
from benchmarks.paired import Measurement, Peer
from keras_vae import cli


def test_the_operations_of_a_step_are_those_of_the_layers():
    forward, first = network.forward_flops()
    assert (forward / 1e6, network.training_flops() / 1e6) == pytest.approx((4.75, 14.14), abs=5e-3)
    assert first == 2 * 9 * 32 * 14 * 14


def test_a_peer_with_another_network_is_refused():
    with pytest.raises(ValueError, match="496,545 parameters. Received: 10"):
        network.check_parameters(10)


def unit(seconds, cpu=None, foreign=0.0):
    cpu = seconds if cpu is None else cpu
    return {"seconds": seconds, "cpu": cpu, "value": 1.0, "memory": 100.0, "foreign": foreign}


def measured(name, *seconds, amount=None):
    return Measurement(Peer(name, "x:y", amount=amount), None, [unit(s) for s in seconds])


def test_ratios_are_paired_by_round_and_by_example():
    slow, fast = measured("slow", 2.0, 6.0), measured("fast", 1.0, 1.5, amount=50)
    assert paired.ratios(slow, fast, 100) == pytest.approx([1.0, 0.5])
    assert paired.spread([3.0, 1.0, 2.0]) == "2.00 [1.00-3.00]"


def test_a_peer_that_is_missing_is_a_row():
    absent = Measurement(Peer("other", "x:y"), "pythae")
    first, second = report.comparison_rows([measured("ours", 2.0), absent], 100, "ours")
    assert first[:3] == ["ours", "50", "1.00 [1.00-1.00]"]
    assert second[:2] == ["other", "not installed: pythae"]
    assert len(first) == len(second) == len(report.COMPARED)


def test_a_library_that_is_not_there_is_said_and_the_others_go_on(monkeypatch):
    found = paired.measure([Peer("none", "no_such_peer:loop")], rounds=1, log=lambda text: None)
    assert found[0].units == [] and "no_such_peer" in report.failure_text(found[0])


def test_peers_take_turns_forwards_and_backwards(monkeypatch):
    order = []

    class Child:
        def __init__(self, peer):
            self.peer = peer

        def answer(self):
            return {"ready": 0.0}

        def unit(self):
            order.append(self.peer.name)
            return unit(1.0)

    monkeypatch.setattr(paired, "_start", lambda peer: contextlib.nullcontext(Child(peer)))
    found = paired.measure([Peer(n, "x:y") for n in "ABC"], rounds=3, log=lambda text: None)
    assert "".join(order) == "ABCCBAABC"
    assert [len(m.units) for m in found] == [3, 3, 3]


def test_others_on_the_machine_are_told():
    quiet = measured("ours", 1.0)
    loud = Measurement(Peer("ours", "x:y"), None, [unit(1.0, foreign=1.3)])
    assert "nothing else" in report.noise([quiet])
    assert "not quiet" in report.noise([loud]) and "1.3" in report.noise([loud])


def test_a_table_replaces_its_own_section_of_the_page_only(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text("# Performance\n\nOther text.\n")
    for value in ("1", "2"):
        section = report.Section("Title", "Text.", ["", "value"], [["row", value]])
        report.write(page, "training", section)
    text = page.read_text()
    assert text.startswith("# Performance\n\nOther text.\n") and text.count("### Title") == 1
    assert "|     2 |" in text and "|     1 |" not in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trainin"], "Did you mean 'training'"),
        (["--rounds", "0"], "Expected rounds of at least 1"),
        (["--page", "nowhere.md"], "Expected a page that exists"),
        (["--cores", "0"], "Expected cores from 1"),
    ],
)
def test_bad_arguments_are_refused_before_anything_starts(words, message, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(program.benchmark, words)
    assert end.value.code == cli.BAD_INPUT
    assert message in capsys.readouterr().err


@pytest.mark.extra(name="backends")
def test_convolutions_of_the_jax_loop_are_those_of_keras():
    import keras

    from benchmarks.peers import jax_peer

    random = np.random.default_rng(0)
    x = random.standard_normal((2, 6, 8, 3)).astype("float32")
    kernel = random.standard_normal((3, 3, 3, 4)).astype("float32")
    bias = random.standard_normal(4).astype("float32")
    down = keras.ops.convert_to_numpy(keras.ops.conv(x, kernel, 2, "same")) + bias
    found = jax_peer.convolve(x, kernel.reshape(27, 4), bias)
    np.testing.assert_allclose(found, down, rtol=1e-4, atol=1e-4)
    turned = kernel.transpose(0, 1, 3, 2)
    up = keras.ops.convert_to_numpy(keras.ops.conv_transpose(x, turned, 2, "same")) + bias
    by_rows = kernel.transpose(2, 0, 1, 3).reshape(3, 36)
    found = jax_peer.convolve_transpose(x, by_rows, bias)
    np.testing.assert_allclose(found, up, rtol=1e-4, atol=1e-4)


@pytest.mark.tensorflow
def test_the_network_of_each_peer_has_the_parameters_of_ours():
    import keras_vae as kv
    from benchmarks.peers import jax_peer, keras_peers

    ours = kv.ConvVAE(network.IMAGE_SHAPE, network.LATENT, likelihood="bernoulli")
    for model in (ours, keras_peers.tutorial()):
        network.check_parameters(sum(int(np.prod(v.shape)) for v in model.trainable_variables))
    weights = [w for layer in jax_peer.initial().values() for w in layer]
    network.check_parameters(sum(w.size for w in weights))


@pytest.mark.extra(name="backends")
def test_so_has_the_network_of_pytorch():
    from benchmarks.peers import torch_peers

    torch_peers.vae()


@pytest.mark.tensorflow
def test_the_fused_optimizer_of_the_peer_by_hand_is_adam():
    import keras

    from benchmarks.peers import keras_peers

    values = []
    for optimizer in (keras.optimizers.Adam(0.1), keras_peers.fused_adam(0.1)):
        variable = keras.Variable(np.array([1.0, -2.0], "float32"))
        for step in range(3):
            gradient = keras.ops.convert_to_tensor(np.array([0.5, 1.0 + step], "float32"))
            optimizer.apply([gradient], [variable])
        values.append(keras.ops.convert_to_numpy(variable))
    np.testing.assert_allclose(values[1], values[0], rtol=1e-5)


def test_of_two_workers_the_first_epoch_does_not_count():
    from benchmarks import two_workers

    lines = ['{"epoch": 1, "seconds": 9.0}', '{"epoch": 2, "seconds": 1.0}']
    assert two_workers.epoch_seconds("\n".join([*lines, '{"epoch": 3, "seconds": 2.0}'])) == 1.5
    with pytest.raises(ValueError, match="--epochs of at least 2. Received: 1"):
        two_workers.two_workers(epochs=1)


def test_a_training_of_defaults_is_a_line_that_is_not_measured_again(tmp_path, capsys):
    from benchmarks.defaults import plan
    from benchmarks.defaults.results import Results

    trained = []
    for _ in range(2):
        results = Results(
            tmp_path / "found.jsonl",
            lambda trial: trained.append(trial) or {"largest": 1000.0 * (trial.seed + 1)},
        )
        for trial in plan.EXPLOSIONS:
            results.measure(trial)
    assert trained == plan.EXPLOSIONS
    text = results.section("explosions").markdown()
    assert "PSNR of the mean training image: photos64 13.3 dB." in text
    rows = [line.split("|")[3:6] for line in text.splitlines()[6:]]
    assert [row[1].strip() for row in rows] == ["2", "2", "2"]
    assert {row[2].strip() for row in rows} == {"1,500.0 [1,000.0, 2,000.0]"}
    assert rows[0][0].strip() == "relu, network dense, rate 0.002"


@pytest.mark.extra(name="backends")
@pytest.mark.parametrize(
    "family", ["VQ-VAE", "masked autoencoder", "ladder", "transformer, masked"]
)
def test_both_networks_of_a_family_are_of_one_size_and_learn(family):
    import torch

    from benchmarks.peers import families

    torch.set_num_threads(1)  # Several wait for each other where other programs run.
    shape = [part.shape for part in families.data(family)]
    model = families.keras_model(family)
    model.build(shape if len(shape) > 1 else shape[0])
    peer = families.FAMILIES[family].part("torch_model")(family)
    count = sum(weight.numel() for weight in peer.parameters())
    assert count == sum(math.prod(weight.shape) for weight in model.trainable_weights)
    epoch = families.torch_peer(family, "train")
    first = epoch()
    assert epoch() < first


def test_codes_in_use_are_counted_for_each_level():
    from benchmarks.codebook_use import level_rows

    codes = np.stack([np.arange(8) % 4, np.zeros(8, int), np.arange(8) % 2], axis=-1)
    shares, perplexities = zip(*level_rows(codes, 4), strict=True)
    assert shares == (1.0, 0.25, 0.5) and perplexities == pytest.approx((4.0, 1.0, 2.0))


def test_a_process_is_measured_whole():
    found = startup.time_process(["-c", "import sys; x = bytes(60_000_000); sys.exit(3)"])
    assert found.status == 3 and found.memory > 60
    assert 0 < found.cpu and 0 < found.seconds
    starts = [startup.Start(seconds, 0.25, 100.0, 0) for seconds in (1.0, 3.0, 2.0)]
    assert startup._row("x", starts)[1:3] == ["2.00 [1.00-3.00]", "0.25 [0.25-0.25]"]
    assert "failed" in startup._row("x", [*starts, found])[1]
    assert "nothing else" in startup._noise({"x": starts})
    loud = [dataclasses.replace(start, foreign=1.5) for start in starts]
    assert "not quiet" in startup._noise({"x": starts, "y": loud})


@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_process_of_the_first_step_ends_in_the_first_epoch(tmp_path):
    run = tmp_path / "run"
    words = ["-m", "benchmarks.first_step", "conv_vae_digits", "--out", str(run)]
    assert startup.time_process(words).status == 0
    assert (run / "config.json").is_file() and not (run / "model.keras").exists()
