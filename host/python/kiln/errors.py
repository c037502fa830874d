"""What goes wrong, each as one sentence with a hint that says how to mend it."""


class Error(Exception):
    """Anything that Kiln refuses. `message` is one sentence, `hint` the way out."""

    def __init__(self, message: str, hint: str = ""):
        super().__init__(f"{message}\nhint: {hint}" if hint else message)
        self.message = message
        self.hint = hint


class InputError(Error, ValueError):
    """What was asked for cannot be done as asked."""


class FileError(Error):
    """A file or directory could not be read or written."""


class NumericsError(Error, ArithmeticError):
    """A computation left the finite numbers."""


class VerdictError(Error):
    """It was done, and what came out is not good enough."""


class Defect(Error):
    """A mistake of Kiln itself."""


class NotConverged(UserWarning):
    """An exploration, or a training, whose result is not to be trusted; the text says why."""
