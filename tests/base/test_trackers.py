"""Trackers log the terms of a loss by our names, without a network; tuners search with our step.

TensorBoard is in test_board.py.
"""

import sqlite3

import keras
import pytest

import keras_vae as kv
from tests.support.models import FAST, dense, uniform

pytestmark = [pytest.mark.extra(name="trackers"), pytest.mark.tensorflow]
# Those of the packages, which no caller can change.
pytestmark += [pytest.mark.filterwarnings("ignore")]
X = uniform(13, 6)
NAMES = {"loss", "elbo", "reconstruction", "kl"}
LOGGED = NAMES | {f"val_{name}" for name in NAMES}


def vae(**kwargs):
    model = kv.VAE(*dense(heads=2), likelihood="bernoulli", seed=1, **kwargs)
    model.compile("adam", **FAST)
    return model


def fit(*callbacks):
    """Train for two epochs, and return the logs of the last."""
    history = (
        vae().fit(X, validation_data=(X,), epochs=2, callbacks=list(callbacks), verbose=0).history
    )
    return {name: values[-1] for name, values in history.items()}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_mlflow_logs_by_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow

    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    mlflow.keras.autolog(log_models=False)
    try:
        with mlflow.start_run() as run:
            logs = fit()
    finally:
        mlflow.keras.autolog(disable=True)
    found = mlflow.MlflowClient().get_run(run.info.run_id).data.metrics
    assert LOGGED <= found.keys()
    assert all(found[name] == pytest.approx(logs[name]) for name in LOGGED)


def test_weights_and_biases_logs_with_its_callback(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    import wandb
    from wandb.integration.keras import WandbMetricsLogger

    with wandb.init(project="test", mode="offline", dir=str(tmp_path)) as run:
        logs = fit(WandbMetricsLogger())
        found = dict(run.summary)
    assert all(found[f"epoch/{name}"] == pytest.approx(logs[name]) for name in LOGGED)


def test_trackio_logs_what_a_callback_gives_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    import trackio

    trackio.init(project="test", embed=False, auto_log_cpu=False)
    logs = fit(keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: trackio.log(logs)))
    trackio.finish()
    (path,) = trackio.TRACKIO_DIR.glob("test*.db")
    with sqlite3.connect(path) as database:
        rows = [row[0] for row in database.execute("select metrics from metrics order by step")]
    assert len(rows) == 2
    import json

    found = json.loads(rows[-1])
    assert all(found[name] == pytest.approx(logs[name]) for name in LOGGED)


def test_keras_tuner_searches_with_our_step_and_loads_its_best_model(tmp_path):
    import keras_tuner

    def build(parameters):
        return vae(beta=parameters.Choice("beta", [0.5, 1.0]))

    objective = keras_tuner.Objective("val_elbo", "max")
    tuner = keras_tuner.GridSearch(build, objective=objective, directory=tmp_path, max_trials=2)
    tuner.search(X, validation_data=(X,), epochs=1, verbose=0)
    scores = [trial.score for trial in tuner.oracle.get_best_trials(2)]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == 2
    (best,) = tuner.get_best_models(1)
    beta = tuner.get_best_hyperparameters(1)[0].get("beta")
    assert type(best) is kv.VAE and best.loss_weights["kl"] == beta
    assert best.evaluate(X, verbose=0, return_dict=True)["elbo"] == pytest.approx(
        scores[0], rel=0.2
    )
