"""What stops a release."""


class ReleaseError(RuntimeError):
    """Something of a release cannot be made; the message says what to do."""
