"""Anomaly detection: scores of a trained model, and a threshold that is saved with it."""

from keras_vae.anomalies.detector import AnomalyDetector
from keras_vae.anomalies.scores import SCORES
from keras_vae.anomalies.tails import ParetoTail, fit_pareto
from keras_vae.anomalies.thresholds import Threshold, p_values

__all__ = ["SCORES", "AnomalyDetector", "ParetoTail", "Threshold", "fit_pareto", "p_values"]
