"""What metrics refuse in this package's words: other kinds of numbers, NaN, counts without use."""

import numpy as np
import pytest

from keras_vae import metrics
from keras_vae.errors import KerasVAEError

GENERATOR = np.random.default_rng(0)
CODES = GENERATOR.normal(size=(16, 2))
LABELS = [0, 1] * 8
FACTORS = np.arange(16)[:, None] % 3
IMAGES = GENERATOR.random((24, 14, 14, 1))
NAN = np.full_like(CODES, np.nan)
BYTES = np.arange(3 * 144).reshape(3, 12, 12, 1).astype("uint8")


def knn(train=CODES, labels=LABELS, test=CODES, test_labels=LABELS, **kwargs):
    return metrics.knn_probe(train, labels, test, test_labels, **kwargs)


def score(codes_of=lambda factors: factors.astype(float), sizes=(2, 3), **kwargs):
    return metrics.factor_vae_score(codes_of, sizes, **{"votes": 10, **kwargs})


def curve(rates=(1, 2, 3, 4), psnrs=(30, 31, 32, 33), other_psnrs=(30, 31, 32, 33)):
    return metrics.bd_rate(rates, psnrs, (1, 2, 3, 4), other_psnrs)


TWO = np.stack([np.arange(16) % 3, np.arange(16) % 2], axis=1)
BAD = {
    "more voters than codes": (
        lambda: metrics.knn_probe(CODES[:3], [0, 1, 1], CODES[:2], [0, 1], neighbors=5),
        "neighbors of at most 3",
    ),
    "no voters": (lambda: knn(neighbors=0), "neighbors of at least 1"),
    "half a voter": (lambda: knn(neighbors=2.5), "neighbors of at least 1, an integer"),
    "NaN codes of voters": (lambda: knn(NAN), "finite values in train"),
    "NaN codes to class": (lambda: knn(test=NAN), "finite values in test"),
    "text codes": (lambda: metrics.linear_probe([["a"]] * 2, [0, 1], CODES, LABELS), "in train"),
    "masked codes": (lambda: knn(np.ma.masked_less(CODES, 0)), "finite values in train"),
    "NaN labels": (lambda: knn(labels=NAN[:, 0]), "labels of classes, integers or text"),
    "fractions as labels": (lambda: knn(labels=CODES[:, 0]), "labels of classes"),
    "labels of two kinds": (lambda: knn(test_labels=["a", "b"] * 8), "size and kind of the train"),
    "codes of two sizes": (lambda: knn(test=CODES[:, :1]), "size and kind of the training"),
    "no codes": (lambda: knn(CODES[:0], []), "neighbors of at most 0"),
    "no codes to class": (lambda: knn(test=CODES[:0], test_labels=[]), "at least one"),
    "labels with None": (
        lambda: metrics.linear_probe(CODES, ["a", None] * 8, CODES, ["a", "b"] * 8),
        "labels of classes, integers or text.*None",
    ),
    "labels of text and numbers": (
        lambda: knn(labels=np.array(["a", 1] * 8, object)),
        "labels of classes, integers or text.*int",
    ),
    "one class": (lambda: metrics.linear_probe(CODES, [3] * 16, CODES, LABELS), "two classes.*3"),
    "NaN for a line": (lambda: metrics.linear_probe(NAN, LABELS, CODES, LABELS), "finite values"),
    "NaN for mig": (lambda: metrics.mig(NAN, FACTORS), "finite values in codes"),
    "text for mig": (lambda: metrics.mig(CODES.astype(str), FACTORS), "real numbers in codes"),
    "NaN factors": (lambda: metrics.mig(CODES, NAN), "finite values in factors"),
    "text factors": (lambda: metrics.mig(CODES, FACTORS.astype(str)), "real numbers in factors"),
    "fractions as factors": (lambda: metrics.mig(CODES, CODES), "factors of integers"),
    "no bins": (lambda: metrics.mig(CODES, FACTORS, bins=0), "bins of at least 2"),
    "one bin": (lambda: metrics.mig(CODES, FACTORS, bins=1), "bins of at least 2"),
    "a rule for bins": (lambda: metrics.mig(CODES, FACTORS, bins="auto"), "bins of at least 2"),
    "NaN for sap": (lambda: metrics.sap(NAN, FACTORS), "finite values in codes"),
    "one code for sap": (lambda: metrics.sap(CODES[:, :1], FACTORS), "at least two elements"),
    "a vector for sap": (lambda: metrics.sap(CODES[:, 0], FACTORS), "codes .count, latent"),
    "a constant for sap": (lambda: metrics.sap(CODES, 0 * FACTORS), r"that vary.*column.s. \[0\]"),
    "no rows for sap": (lambda: metrics.sap(CODES[:0], FACTORS[:0]), "factors that vary"),
    "no factors for sap": (lambda: metrics.sap(CODES, TWO[:, :0]), r"\(16, 2\) and \(16, 0\)"),
    "other rows for sap": (lambda: metrics.sap(CODES, FACTORS[:9]), r"\(16, 2\) and \(9, 1\)"),
    "one factor": (lambda: metrics.modularity(CODES, FACTORS), "of at least 2 factor"),
    "a constant factor": (lambda: metrics.modularity(CODES, TWO * [1, 0]), r"column.s. \[1\]"),
    "one bin of modularity": (lambda: metrics.modularity(CODES, TWO, 1), "bins of at least 2"),
    "fractions for modularity": (lambda: metrics.modularity(CODES, CODES), "factors of integers"),
    "fractions for dci": (lambda: metrics.dci(CODES, CODES), "factors of integers"),
    "one factor for dci": (lambda: metrics.dci(CODES, FACTORS), "of at least 2 factor"),
    "two rows for dci": (lambda: metrics.dci(CODES[:2], TWO[:2]), "at least three rows.*2"),
    "another forest": (lambda: metrics.dci(CODES, TWO, "lasso"), "'forest' or 'boosting'"),
    "a large seed": (lambda: metrics.dci(CODES, TWO, seed=2**32), "seed below 2.32"),
    "a row of importances": (
        lambda: metrics.disentanglement_and_completeness([[1, 0]]),
        r"at least two of each.*\(1, 2\)",
    ),
    "negative importances": (
        lambda: metrics.disentanglement_and_completeness([[1, 0], [0, -1]]),
        "importances of at least 0.*-1 to 1",
    ),
    "no importances": (
        lambda: metrics.disentanglement_and_completeness(np.zeros((2, 2))),
        "one above 0. Received: 0 to 0",
    ),
    "NaN importances": (lambda: metrics.disentanglement_and_completeness(NAN), "finite values"),
    "one model": (lambda: metrics.udr([CODES], [[1, 1]]), "at least two models.*1 and 1"),
    "KL of one model": (lambda: metrics.udr([CODES] * 2, [[1, 1]]), "KL divergences of each"),
    "other examples": (lambda: metrics.udr([CODES, CODES[:9]], [[1, 1]] * 2), "the same two or"),
    "KL of others": (lambda: metrics.udr([CODES] * 2, [[1, 1], [1]]), r"KL divergences \(latent"),
    "one example": (lambda: metrics.udr([CODES[:1]] * 2, [[1, 1]] * 2), "the same two or more"),
    "NaN KL": (lambda: metrics.udr([CODES] * 2, NAN[:2]), "finite values in kls"),
    "NaN codes of a model": (lambda: metrics.udr([CODES, NAN], [[1, 1]] * 2), "codes_of_models"),
    "models of a generator": (
        lambda: metrics.udr(iter([CODES, CODES]), [[1, 1]] * 2),
        "codes_of_models to be a list",
    ),
    "a number of KL": (lambda: metrics.udr([CODES] * 2, 1.0), "kls to be a list.*float"),
    "NaN threshold": (lambda: metrics.udr([CODES] * 2, [[1, 1]] * 2, np.nan), "threshold"),
    "text as sizes": (lambda: score(sizes="ab"), "factor_sizes to be a sequence"),
    "one size": (lambda: score(sizes=3), "factor_sizes to be a sequence"),
    "half a size": (lambda: score(sizes=(2.5, 3)), "each of factor_sizes"),
    "size 0": (lambda: score(sizes=(0, 3)), "each of factor_sizes"),
    "half a vote": (lambda: score(votes=10.5), "votes of at least 1, an integer"),
    "batch of one": (lambda: score(batch_size=1), "batch_size of at least 2"),
    "half an example": (lambda: score(variance_examples=2.5), "variance_examples of at least 2"),
    "text as a seed": (lambda: score(seed="a"), "seed"),
    "minus as a seed": (lambda: score(seed=-1), "seed of at least 0"),
    "NaN codes of factors": (lambda: score(lambda f: f * np.nan), "finite values in codes"),
    "a vector of codes": (lambda: score(lambda f: f[:, 0]), r"codes_of to give \(10000, el.*"),
    "codes for others": (lambda: score(lambda f: f[:5] * 1.0), "codes_of to give"),
    "a table for a function": (lambda: score(CODES), "codes_of to be a function.*ndarray"),
    "text vectors": (lambda: metrics.frechet_distance([["a"]], [["a"]]), "real numbers in x"),
    "vectors of no size": (
        lambda: metrics.kernel_distance(CODES[:, :0], CODES[:, :0], blocks=2),
        "x and y of at least 4 vectors of one size",
    ),
    "half a block": (
        lambda: metrics.kernel_distance(CODES, CODES, 2.5),
        "blocks of at least 2, an",
    ),
    "another seed": (lambda: metrics.kernel_distance(CODES, CODES, 2, seed=1.5), "seed"),
    "half a neighbor": (lambda: metrics.density_and_coverage(CODES, CODES, 2.5), "neighbors of at"),
    "True neighbors": (lambda: metrics.density_and_coverage(CODES, CODES, True), "neighbors of at"),
    "no neighbors of samples": (
        lambda: metrics.precision_and_recall(CODES, CODES, 0),
        "neighbors of at least 1",
    ),
    "three real vectors": (
        lambda: metrics.precision_and_recall(CODES[:3], CODES),
        "real and generated of at least 4 vectors",
    ),
    "three samples": (lambda: metrics.precision_and_recall(CODES, CODES[:3]), "at least 4 vectors"),
    "samples of another size": (
        lambda: metrics.precision_and_recall(CODES, CODES[:, :1]),
        "vectors of one size",
    ),
    "NaN samples": (lambda: metrics.precision_and_recall(CODES, NAN), "finite values in generated"),
    "NaN pixels": (lambda: metrics.hog(IMAGES * np.nan), "finite values in pictures"),
    "text pixels": (lambda: metrics.hog(IMAGES.astype(str)), "real numbers in pictures"),
    "no channels": (lambda: metrics.hog(IMAGES[..., :0]), "pictures .count, height"),
    "the name of features": (
        lambda: metrics.compare_pictures(IMAGES, IMAGES, "hog"),
        "extractor to be an Extractor, such as HOG. Received: 'hog'",
    ),
    "gray against color": (
        lambda: metrics.compare_pictures(IMAGES, np.repeat(IMAGES, 3, axis=-1)),
        "pictures of one shape",
    ),
    "no extractor": (lambda: metrics.Extractor(3, 4), "an Extractor of a name and a function"),
    "features of others": (
        lambda: metrics.Extractor("first", lambda x: x[:1, 0, 0])(IMAGES),
        r"features \(24, size\)",
    ),
    "NaN images": (lambda: metrics.mean_psnr(IMAGES * np.nan, IMAGES), "finite values in x"),
    "text images": (lambda: metrics.ssim(IMAGES.astype(str), IMAGES), "real numbers in x"),
    "complex images": (lambda: metrics.mean_psnr(IMAGES + 1j, IMAGES), "real numbers in x"),
    "images of no size": (
        lambda: metrics.mean_psnr(np.zeros((2, 0)), np.zeros((2, 0))),
        "at least one picture",
    ),
    "8-bit images": (
        lambda: metrics.mean_psnr(BYTES, BYTES),
        r"x within a data_range of 1.*0 to 255.*/ 255, or data_range=255",
    ),
    "8-bit images for SSIM": (lambda: metrics.ssim(BYTES, BYTES), "x within a data_range"),
    "8-bit images for one error": (
        lambda: metrics.psnr_of_mean_error(BYTES * 1.0, BYTES * 1.0),
        "x within a data_range",
    ),
    "8-bit reconstructions": (
        lambda: metrics.mean_psnr(BYTES / 255, BYTES),
        "reconstruction within a data_range",
    ),
    "a range below that of x": (
        lambda: metrics.mean_psnr(BYTES * 2, BYTES * 2, 127),
        "x within a data_range of 127",
    ),
    "NaN range": (lambda: metrics.mean_psnr(IMAGES, IMAGES, np.nan), "data_range"),
    "infinite range": (lambda: metrics.mean_psnr(IMAGES, IMAGES, np.inf), "data_range"),
    "text range": (lambda: metrics.psnr_of_mean_error(IMAGES, IMAGES, "1"), "data_range"),
    "True range": (lambda: metrics.mean_psnr(IMAGES, IMAGES, True), "data_range"),
    "six scales": (lambda: metrics.ms_ssim(IMAGES, IMAGES, scales=6), "scales of at most 5"),
    "no scale": (lambda: metrics.ms_ssim(IMAGES, IMAGES, scales=0), "scales of at least 1"),
    "small images": (lambda: metrics.ms_ssim(IMAGES, IMAGES), "at least 161x161 pixels for 5"),
    "images without channels": (
        lambda: metrics.ms_ssim(IMAGES[..., 0], IMAGES[..., 0], scales=1),
        "pictures .count, height, width, channels",
    ),
    "8-bit images for scales": (
        lambda: metrics.ms_ssim(BYTES, BYTES, scales=1),
        "x within a data_range",
    ),
    "three rates": (lambda: curve((1, 2, 3), (30, 31, 32)), "at least four points"),
    "other rates": (lambda: curve((1, 2, 3, 4, 5)), r"shapes \(5,\) and \(4,\)"),
    "a table of rates": (lambda: curve(np.ones((4, 4)), np.ones((4, 4))), "rates .points,"),
    "a rate of nothing": (lambda: curve((0, 1, 2, 3)), "rates above 0. Received: 0"),
    "one rate twice": (lambda: curve((1, 2, 2, 3)), "rise with the rates, without equal"),
    "falling PSNR": (lambda: curve(psnrs=(30, 32, 31, 33)), "psnrs that rise with the rates"),
    "lossless PSNR": (lambda: curve(psnrs=(30, 31, 32, np.inf)), "finite values in psnrs"),
    "PSNRs of others": (lambda: curve(other_psnrs=(1, 2, 3, 30)), "with PSNRs in common.*1 to 30"),
    "rates of others": (
        lambda: metrics.bd_psnr((5, 6, 7, 8), (1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 3, 4)),
        "with rates in common. Received: logarithms of rates of 1.6",
    ),
    "text scores": (lambda: metrics.auroc(["a"], [1.0]), "real numbers in normal"),
    "no scores at all": (lambda: metrics.auroc([1.0], None), "real numbers in anomalous"),
    "text as a codebook": (lambda: metrics.codebook_usage([0], "4"), "size of at least 1"),
    "half a codebook": (lambda: metrics.codebook_usage([0], 4.5), "size of at least 1, an integer"),
    "less than no codebook": (lambda: metrics.codebook_usage([0], -1), "size of at least 1"),
    "ragged indices": (lambda: metrics.codebook_usage([[1], [2, 3]], 4), "indices of one shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_has_no_answer_is_refused_by_name(name):
    call, message = BAD[name]
    with pytest.raises(KerasVAEError, match=f"^Expected .*{message}"):
        call()


def test_psnr_of_float64_is_not_rounded_to_float32():
    """2^24 + 1 and 2^24 are the same number in float32."""
    x = np.full((1, 2), 2.0**24)
    assert metrics.mean_psnr(x + 1, x, data_range=1e8) == pytest.approx(160)


@pytest.mark.parametrize("metric", [metrics.mean_psnr, metrics.psnr_of_mean_error, metrics.ssim])
def test_a_reconstruction_of_a_broken_model_is_no_number(metric):
    assert np.isnan(metric(IMAGES, IMAGES * np.nan))
