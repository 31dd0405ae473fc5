"""A figure that notebooks show."""

import io

from matplotlib.figure import Figure


class NotebookFigure(Figure):
    """A figure that Jupyter shows as the value of a cell, also without `%matplotlib inline`."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()
