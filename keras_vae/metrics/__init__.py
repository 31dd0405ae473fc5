"""Metrics of images, codes and scores: NumPy arrays in, numbers out, computed in float64."""

from keras_vae.metrics.codebook import codebook_usage
from keras_vae.metrics.disentanglement import factor_vae_score, mig
from keras_vae.metrics.distances import density_and_coverage, frechet_distance, kernel_distance
from keras_vae.metrics.features import HOG, Extractor, compare_pictures, hog
from keras_vae.metrics.pictures import mean_psnr, psnr_of_mean_error, ssim
from keras_vae.metrics.probes import auroc, knn_probe, linear_probe
from keras_vae.metrics.ranges import (
    point_adjusted_f1_at_k,
    range_f1,
    range_precision,
    range_recall,
    vus_pr,
)

__all__ = [
    "HOG",
    "Extractor",
    "auroc",
    "codebook_usage",
    "compare_pictures",
    "density_and_coverage",
    "factor_vae_score",
    "frechet_distance",
    "hog",
    "kernel_distance",
    "knn_probe",
    "linear_probe",
    "mean_psnr",
    "mig",
    "point_adjusted_f1_at_k",
    "psnr_of_mean_error",
    "range_f1",
    "range_precision",
    "range_recall",
    "ssim",
    "vus_pr",
]
