"""What is unlike the data of training: scores, and a threshold that is kept with the model."""

from keras_vae.anomalies.detector import AnomalyDetector
from keras_vae.anomalies.scores import SCORES
from keras_vae.anomalies.tails import ParetoTail, fit_pareto
from keras_vae.anomalies.thresholds import Threshold

__all__ = ["SCORES", "AnomalyDetector", "ParetoTail", "Threshold", "fit_pareto"]
