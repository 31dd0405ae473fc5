"""What constructors refuse: each argument of models, networks, priors, weights and layers."""

import numpy as np
import pytest

import keras_vae as kv
from tests.support.bad_input import Bad, every
from tests.support.models import FAST, dense, lstm, uniform

NETS, LAYERS = kv.nets, kv.layers


def of(function, *arguments, **options):
    """A call that needs no folder."""
    return lambda folder: lambda: function(*arguments, **options)


def model(kind, heads=2, **options):
    return of(lambda: kind(*dense(heads), **options))


SIZES = {
    "latent_dim of 0": Bad(of(NETS.dense, (6,), 0), "latent_dim of at least 1...latent_dim=0"),
    "latent_dim of 2.5": Bad(of(NETS.dense, (6,), 2.5), "latent_dim...integer...2.5", TypeError),
    "latent_dim of text": Bad(of(NETS.dense, (6,), "3"), "latent_dim...integer...'3'", TypeError),
    "true as latent_dim": Bad(of(NETS.conv, (4, 4, 1), True), "latent_dim...True", TypeError),
    "no shape": Bad(of(NETS.dense, (), 3), "shape to be...shape=()"),
    "a shape of 0": Bad(of(NETS.dense, (0,), 3), "shape to be...shape=(0,)"),
    "a number as a shape": Bad(of(NETS.dense, 6, 3), "shape to be...shape=6"),
    "half a pixel": Bad(
        of(NETS.conv, (4.5, 4, 1), 3), "image_shape to be (height, width, channels)"
    ),
    "an image without channels": Bad(of(NETS.conv_ladder, (4, 4)), "image_shape...(4, 4)"),
    "a grid of four sizes": Bad(of(NETS.conv_map, (4, 4, 4, 4, 1), 3), "volumes...(4, 4, 4, 4, 1)"),
    "half a step": Bad(of(NETS.conv, (4.5, 1), 3), "image_shape to be (length, channels)"),
    "a volume of 0": Bad(of(NETS.conv, (4, 4, 0, 1), 3), "(depth, height, width, channels)"),
    "a hidden layer of 0": Bad(of(NETS.dense, (6,), 3, (0,)), "each of hidden of at least 1...0"),
    "one number as hidden layers": Bad(
        of(NETS.dense, (6,), 3, 5), "hidden to be a sequence", TypeError
    ),
    "no filters": Bad(of(NETS.conv, (4, 4, 1), 3, ()), "filters of at least one...filters=()"),
    "negative filters": Bad(of(NETS.conv_map, (4, 4, 1), 3, (-2,)), "each of filters...-2"),
    "no hidden units": Bad(of(NETS.conv, (4, 4, 1), 3, (2,), 0), "hidden of at least 1...0"),
    "no latent channels": Bad(of(NETS.conv_map, (4, 4, 1), 0), "latent_channels of at least 1...0"),
    "three heads": Bad(of(NETS.gated_dense, (6,), 3, heads=3), "heads to be 1...2...3"),
    "no decoder heads": Bad(of(NETS.gated_dense, (6,), 3, decoder_heads=0), "decoder_heads...0"),
    "no units of an LSTM": Bad(of(NETS.lstm, (4, 2), 3, ()), "units of at least one...units=()"),
    "a sequence of one axis": Bad(of(NETS.lstm, (4,), 3), "(time, features)...(4,)"),
    "heads that do not divide": Bad(of(NETS.transformer, (4, 2), 3, 8, 1, 3), "divide width...3"),
    "no such pooling": Bad(of(NETS.transformer, (4, 2), 3, pooling="max"), "pooling...'max'"),
    "blocks below 0": Bad(of(NETS.transformer, (4, 2), 3, 8, -1), "blocks of at least 0...-1"),
    "patches that do not fit": Bad(of(NETS.patches, (6, 6, 1), 4), "divides the height...patch=4"),
    "no condition": Bad(of(NETS.conditional, NETS.dense, (6,), 3, 0), "condition_dim...0"),
    "no builder": Bad(
        of(NETS.conditional, None, (6,), 3, 2), "builder to be a function", TypeError
    ),
    "no levels of a ladder": Bad(of(NETS.gated_ladder, (6,), ()), "latent_dims of at least one"),
    "levels without filters": Bad(of(NETS.conv_ladder, (4, 4, 1), levels=(1,)), "levels...filters"),
}
ARGUMENTS = {
    "a negative seed": Bad(model(kv.VAE, seed=-1), "seed of at least 0...-1"),
    "a seed of 2^32": Bad(model(kv.VAE, seed=2**32), "seed below 2^32...4294967296"),
    "a name with a slash": Bad(model(kv.VAE, name="a/b"), "name to be text without '/'...'a/b'"),
    "an argument that is none": Bad(model(kv.VAE, latent=3), "that VAE has...latent", TypeError),
    "an infinite weight": Bad(model(kv.VAE, beta=np.inf), "'kl' to be a finite number...inf"),
    "weights in a list": Bad(
        model(kv.VAE, loss_weights=[1.0]), "loss_weights to be a dict", TypeError
    ),
    "no importance samples": Bad(model(kv.IWAE, samples=0), "samples of at least 1...samples=0"),
    "an unknown gradient": Bad(model(kv.IWAE, gradient="x"), "'dreg' or 'piwae'...gradient='x'"),
    "no data set": Bad(model(kv.BetaTCVAE, dataset_size=0), "dataset_size of at least 1...0"),
    "alpha of text": Bad(
        model(kv.BetaTCVAE, dataset_size=9, alpha="1"), "alpha to be a", TypeError
    ),
    "an unknown kernel": Bad(model(kv.WAE, 1, kernel="cubic"), "'imq'...kernel='cubic'"),
    "a scale of 0": Bad(model(kv.InfoVAE, scale=0.0), "scale above 0...0.0"),
    "negative free bits": Bad(model(kv.FreeBitsVAE, nats=-1.0), "nats of at least 0...-1.0"),
    "no pseudo-inputs": Bad(model(kv.VampVAE, components=0), "components of at least 1...0"),
    "an unknown flow": Bad(
        model(kv.FlowVAE, flow_kind="x"), "'planar' or 'radial'...flow_kind='x'"
    ),
    "no steps of a flow": Bad(model(kv.IAFVAE, flow_steps=0), "flow_steps of at least 1...0"),
    "no learned prior": Bad(model(kv.LearnedPriorVAE, learned_prior="flow"), "'flow'", TypeError),
    "no probes": Bad(model(kv.ContractiveAutoencoder, 1, probes=0), "probes of at least 1...0"),
    "k of more than the code": Bad(
        model(kv.SparseAutoencoder, 1, penalty="top_k", k=9), "k of at most 3...k=9"
    ),
    "a codebook of nothing": Bad(model(kv.VQVAE, 1, codebook_size=0), "codebook of at least 1...0"),
    "a decay of 1": Bad(model(kv.VQVAE, 1, decay=1.0), "decay and restart in [0, 1)...decay=1.0"),
    "one level": Bad(model(kv.FSQ, 1, levels=(1, 2, 3)), "integers from 2 to 256...(1, 2, 3)"),
    "a corruption that is none": Bad(
        model(kv.DenoisingAutoencoder, 1, corruption=0.3),
        "corruption to be a Keras layer...0.3",
        TypeError,
    ),
    "all patches hidden": Bad(
        of(kv.MaskedAutoencoder, (4, 4, 1), 2, mask_ratio=1.0), "mask_ratio to hide some...1.0"
    ),
    "no steps of a warm-up": Bad(of(kv.schedules.LinearWarmUp, 0), "steps of at least 1...steps=0"),
    "a warm-up to nowhere": Bad(of(kv.schedules.LinearWarmUp, 9, end=np.nan), "end to be a finite"),
    "a negative capacity": Bad(of(kv.controllers.Capacity, -1.0), "nats of at least 0...-1.0"),
    "no mixture": Bad(of(kv.priors.MixturePrior, 0), "components of at least 1...0"),
    "a flow of nothing": Bad(of(kv.priors.FlowPrior, 2, ()), "hidden of at least one...()"),
    "a rate of text": Bad(of(LAYERS.MaskingNoise, "high"), "rate to be a finite number", TypeError),
    "a patch of 0": Bad(of(LAYERS.PatchOcclusion, 0), "patch of at least 1...patch=0"),
    "a fill of NaN": Bad(of(LAYERS.RectangleOcclusion, fill=np.nan), "fill to be a finite...nan"),
}


@every(SIZES)
def test_sizes_of_networks_are_checked(case, tmp_path):
    case.check(tmp_path)


@every(ARGUMENTS)
def test_arguments_of_models_and_their_parts_are_checked(case, tmp_path):
    case.check(tmp_path)


# Pairs: a mask or a condition beside x.

SEQUENCES = uniform(6, 4, 2)
MASK = np.ones((6, 4), "float32")


def fit(x):
    def prepare(folder):
        made = lstm(kv.LSTMVAE, True)()
        made.compile("sgd", **FAST)
        return lambda: made.fit(x, verbose=0)

    return prepare


MASKS = {
    "too few rows": Bad(fit((SEQUENCES, MASK[:5])), "the mask of x with 6 rows...(5, 4)"),
    "too few steps": Bad(fit((SEQUENCES, MASK[:, :3])), "mask of shape ('batch', 4)...(6, 3)"),
    "none": Bad(fit(SEQUENCES), "a pair (x, mask)...one array"),
    "halves": Bad(fit((SEQUENCES, 0.5 * MASK)), "a mask of 0 and 1...0.5"),
    "a row of no steps": Bad(fit((SEQUENCES, MASK * (np.arange(6) > 0)[:, None])), "1 row(s)"),
    "NaN": Bad(fit((SEQUENCES, MASK * np.nan)), "a mask of 0 and 1...nan"),
}


@every(MASKS)
def test_masks_are_checked(case, tmp_path):
    case.check(tmp_path)


def test_a_table_would_see_a_changed_file(tmp_path):
    def careless(folder):
        (folder / "run.txt").write_text("whole")

        def act():
            (folder / "run.txt").write_text("half")
            raise ValueError("Expected more. Received: less.")

        return act

    with pytest.raises(AssertionError):
        Bad(careless, "more").check(tmp_path)
