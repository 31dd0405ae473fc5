"""The autoencoder: the base class of all models, and its parts.

Begin with `autoencoder`: the base class of all models, its verbs and `loss_terms`. The other
modules
are its parts: `fitting` (checks before `fit`), `sampling`, `serving` and `endpoint` (what files
and servers offer), `conditioning`, `masking` and `tokens` (inputs with several parts),
`recorded_init` (the constructor call as configuration).
"""
