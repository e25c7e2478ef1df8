"""How a tool ends before its time; `tool.frame` tells either in one line."""


class Unable(Exception):
    """It cannot begin, on this machine or as it was asked to; the message says what to mend. Exit code 2."""


class Failed(Exception):
    """It has begun and cannot go on, or what it measures is broken; the message says what. Exit code 1."""
