"""Errors as types: what went wrong is known by class, never by the text of a message.

Each class also derives from the built-in error that Python users expect, so `except ValueError`
keeps working. The programs turn these errors, and `OSError`, into a message and their exit status.
Any other error is a bug: it keeps its traceback and ends with status 70.
"""

from keras_vae.terminal import escape

__all__ = [
    "ConversionError",
    "KerasVAEError",
    "MissingExtraError",
    "ToleranceError",
    "UnavailableError",
    "UsageError",
    "UsageTypeError",
]


class KerasVAEError(Exception):
    """Base class of all errors that this package raises on purpose.

    Their text may have names from files of strangers, so its control characters are escaped.

    Example:
        >>> try:
        ...     model.encode("images")
        ... except keras_vae.errors.KerasVAEError as error:
        ...     print(error.exit_status)
        2

    Attributes:
        exit_status: Status with which a program ends when it meets this error.
    """

    exit_status = 2

    def __str__(self) -> str:
        """Return the message."""
        return escape(super().__str__())


class UsageError(KerasVAEError, ValueError):
    """An argument, a file or data that cannot be used; the message says what to do."""


class UsageTypeError(KerasVAEError, TypeError):
    """An argument of a wrong type."""


class ToleranceError(KerasVAEError, ValueError):
    """An exported file that differs from the Keras model by more than its tolerance."""


class ConversionError(KerasVAEError, RuntimeError):
    """A model that a converter cannot write in the format asked for."""


class UnavailableError(KerasVAEError, RuntimeError):
    """Something that this machine, backend or state of a program cannot do."""


class MissingExtraError(KerasVAEError, ImportError):
    """A package that an extra of keras-vae installs and that is not installed."""
