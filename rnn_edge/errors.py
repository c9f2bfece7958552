"""The errors a user can meet. Each is one sentence and knows the exit code of the command."""


class RnnEdgeError(Exception):
    """Base of all expected errors; anything else is a fault of ours and keeps its traceback."""

    exit_code = 2


class UserError(RnnEdgeError):
    """Something the user gave cannot be used: the sentence says what was seen and what to do."""


class ModelError(UserError):
    """A Keras file or a `model.toml` that is broken, unsafe or not supported."""


class ProgramError(UserError):
    """A quantized program breaks a rule of the integer arithmetic, or its file is damaged."""


class FitError(UserError):
    """A model needs more memory than a board has: the sentence has the numbers."""


class MismatchError(RnnEdgeError):
    """A runtime computed other bytes than the interpreter, or a flash holds other bytes than were written."""

    exit_code = 1


class MissingError(RnnEdgeError):
    """A tool, package or device is not there: the sentence names the command that gets it."""

    exit_code = 3


class LinkError(RnnEdgeError):
    """A board gives no answer, or refuses what it was asked."""

    exit_code = 3
