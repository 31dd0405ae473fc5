"""The writer of SavedModels that TF Serving loads.

`writer` writes one, with `png_endpoint` for images as files, and `table_endpoints` for tables by
column, whose texts become numbers in `table_graph`. The program (`python -m
export.saved_model`, `keras-vae export saved-model`) is in `program`: it writes a numbered version
(`versions`) with warm-up requests (`warmup`) and a model card (`model_card`), and loads it in
TensorFlow's C++ code before it is put in place.
"""
