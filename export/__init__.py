"""The way from a trained model to a server, a device and a browser, with a check of each file.

Begin with `writers`, which `model.export` calls: `saved_model` and `litert` write the files of
`endpoints`, and only a file that agrees with the Keras model is put in place. `verification`
compares files with the model in every runtime of `runtimes`. `serving` has the configuration of TF
Serving and the client, `explorer` the web page, `samples` programs for devices. The programs are
`tflite`, `verify`, `check`, `compress`, `demo` and those of the sub-packages. Installed as
`keras_vae.export`.
"""

if __name__ == "export":  # In a clone, where this folder lies at the top level.
    from keras_vae import _imports

    _imports.alias_clone(__name__)
