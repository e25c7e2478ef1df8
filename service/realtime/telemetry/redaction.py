"""Secrets are taken out of whatever is told: those that are known, and what looks like one."""

import re
from collections.abc import Iterable
from typing import Final

HIDDEN: Final = "***"
# Shorter ones would be found everywhere.
MIN_SECRET_CHARACTERS: Final = 6
_NAMES: Final = (
    r"token|passw(?:or)?d|passphrase|pwd|secret|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|credentials?"
)
_HEADERS: Final = r"authorization|x-api-key|x-auth-token|sec-websocket-protocol"
# What all patterns below have in common: lines without any of it, nearly all, are looked through only once.
_SUSPICIOUS: Final = re.compile(rf"eyJ|://|PRIVATE KEY|bearer|{_NAMES}|{_HEADERS}|cookie", re.IGNORECASE)
# What may stand between a name and its value, in a URL, a header, JSON, or Python's own form of either.
_BETWEEN: Final = r"""\\{0,4}["']?\s{0,8}(?:=|:|,|%3[ad])\s{0,8}b?"""
# A value in quotes up to its quote, else up to where a value ends in any of these.
_VALUE: Final = r"""(?:\\{0,4}"(?:\\.|[^"\\])*|'(?:\\.|[^'\\])*|[^\s"'&,;)}\]]+)"""
# In each, what is kept of a match stands in the first group.
_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL | re.ASCII)
    for pattern in (
        r"(-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----).*?(?:(?=-----END)|\Z)",
        # RFC 7519: the first part of a token begins with `{"` in base64url.
        r"()eyJ[\w-]{8,}(?:\.[\w-]*){0,4}",
        # RFC 3986 section 3.2.1, with what people write there without escaping it. What may be a scheme is not looked
        # for: that would be begun anew at each letter.
        r"""(://)[^\s/"'<>]*(?=@)""",
        rf"""((?:{_HEADERS}){_BETWEEN})(?:["']?[a-z]{{1,16}}\s+)?{_VALUE}""",
        rf"""(cookie{_BETWEEN})(?:"[^"]*|'[^']*|[^"'\r\n]+)""",
        r"(bearer\s{1,8})[\w.~+/=-]{6,}",
        rf"((?:{_NAMES})\\{{0,4}}[\"']?\s{{0,8}}(?:=|:|%3[ad])\s{{0,8}}b?){_VALUE}",
        rf"((?:{_NAMES})[\"']\s{{0,8}},\s{{0,8}}b?){_VALUE}",
    )
)
_NAMED_SO: Final = re.compile(rf"(?:{_NAMES}|{_HEADERS}|cookies?|dsn)$", re.IGNORECASE)


class Redaction:
    """Hides `secrets` wherever they stand, and what is written as secrets usually are.

    It takes time that grows with a text's length and not faster, whatever the text; so cut texts before.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: one may be a part of another.
        known = sorted({text for text in secrets if len(text) >= MIN_SECRET_CHARACTERS}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        if _SUSPICIOUS.search(text) is not None:
            for pattern in _PATTERNS:
                text = pattern.sub(rf"\1{HIDDEN}", text)
        return text


def is_named_as_secret(name: str) -> bool:
    """Whether what has this name is not to be told, whatever it looks like."""
    return _NAMED_SO.search(name) is not None
