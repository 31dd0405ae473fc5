"""The data that programs recommend in place of those that do not fit."""

from keras_vae.training.data.sources.registry import SOURCES

OWN_TABLE = "Train on a table of your own in Python: Schema and TabularVAE of keras_vae.tables."


def advise(kind: str) -> str:
    """Return a sentence with the sources of a kind of examples; rows are counts or tables."""
    kinds = ("counts", "tables") if kind == "rows" else (kind,)
    usages = [source.usage for source in SOURCES if source.gives in kinds]
    if kind == "tables":
        return f"Data of {kind}: {', '.join(usages)}. {OWN_TABLE}"
    files = [] if kind == "images" else ["FILE.npy", "FILE.npz"]
    return f"Data of {kind}: {', '.join(usages + files)}."
