"""Why a demo ends before its time; the messages are for people."""


class DemoFailed(Exception):
    """The demo cannot start, or cannot go on."""


class PortTaken(DemoFailed):
    """Somebody else listens there, or we may not."""
