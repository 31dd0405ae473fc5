"""Metrics of images, codes and scores: NumPy arrays in, numbers out, computed in float64."""

from keras_vae.metrics.agreement import udr
from keras_vae.metrics.codebook import codebook_usage
from keras_vae.metrics.disentanglement import factor_vae_score, mig, modularity, sap
from keras_vae.metrics.distances import (
    density_and_coverage,
    frechet_distance,
    kernel_distance,
    precision_and_recall,
)
from keras_vae.metrics.features import HOG, Extractor, compare_pictures, hog
from keras_vae.metrics.importances import dci, disentanglement_and_completeness
from keras_vae.metrics.pictures import mean_psnr, ms_ssim, psnr_of_mean_error, ssim
from keras_vae.metrics.probes import auroc, knn_probe, linear_probe
from keras_vae.metrics.ranges import (
    point_adjusted_f1_at_k,
    range_f1,
    range_precision,
    range_recall,
    vus_pr,
)
from keras_vae.metrics.rates import bd_psnr, bd_rate

__all__ = [
    "HOG",
    "Extractor",
    "auroc",
    "bd_psnr",
    "bd_rate",
    "codebook_usage",
    "compare_pictures",
    "dci",
    "density_and_coverage",
    "disentanglement_and_completeness",
    "factor_vae_score",
    "frechet_distance",
    "hog",
    "kernel_distance",
    "knn_probe",
    "linear_probe",
    "mean_psnr",
    "mig",
    "modularity",
    "ms_ssim",
    "point_adjusted_f1_at_k",
    "precision_and_recall",
    "psnr_of_mean_error",
    "range_f1",
    "range_precision",
    "range_recall",
    "sap",
    "ssim",
    "udr",
    "vus_pr",
]
