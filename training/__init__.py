"""The programs that train, evaluate and apply models.

Begin with `train`: it reads options (`train_options`), makes the model of a recipe (`recipes`) and
trains it on data (`data`) in a session (`session`) that leaves a run directory (`runs`). `evaluate`
(`evaluation`), `predict` (`prediction`), `classify` and `one_class` use a run; `distributed` trains
on several devices. Installed as `keras_vae.training`; nothing here imports `keras_vae.export`.
"""

if __name__ == "training":  # In a clone, where this folder lies at the top level.
    from keras_vae import _imports

    _imports.alias_clone(__name__)
