"""What a command tells when it cannot do what it was asked for."""


class CommandFailed(Exception):
    """One line for the operator; the command ends with exit code 1."""


class WrongFilter(ValueError):
    """A filter cannot mean anything; the command ends with exit code 2."""
