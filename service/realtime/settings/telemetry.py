"""What a pod tells about itself: logs, traces, errors."""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, field_validator

from realtime.settings.section import Section

# RFC 9110 section 5.1: a field name is a token.
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+=[\x20-\x7e]+")


class LogSettings(Section):
    """What is written to standard output."""

    level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        "info", description="debug, info, warning or error."
    )
    format: Annotated[str, Field(pattern="^(auto|json|text)$")] = Field(
        "auto", description="json, text, or auto: text on a terminal, else json."
    )
    repeats_max: PositiveInt = Field(
        100, description="How often the same line is written within a window; the others are counted, and told once."
    )
    repeats_window_seconds: PositiveFloat = Field(10.0, le=3_600, description="How long such a window is.")


class TracingSettings(Section):
    """Where traces are sent, and how many; see [tracing.md](tracing.md)."""

    endpoint: str | None = Field(
        None,
        description="Where a collector takes OTLP over HTTP, such as `http://collector:4318`; `/v1/traces` is added to "
        "a URL without a path. Unset: nothing is traced.",
    )
    headers: SecretStr | None = Field(
        None, description="Headers for the collector, such as its key: `name=value`, several separated by commas."
    )
    sampling_ratio: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Which part of what nobody has begun a trace for is traced; where somebody has, theirs decides.",
    )
    queue_max_spans: int = Field(
        4_096, ge=256, description="Spans that may wait to be sent; more are dropped, and counted."
    )
    export_timeout_seconds: PositiveFloat = Field(
        5.0, le=60, description="How long the collector may take for one batch, repetitions included."
    )
    service_name: str = Field(
        "realtime", min_length=1, max_length=128, description="What traces call this service: `service.name`."
    )

    @property
    def traces_url(self) -> str:
        """The whole URL."""
        url = urlsplit(self.endpoint or "")
        return urlunsplit(url._replace(path="/v1/traces")) if url.path in {"", "/"} else urlunsplit(url)

    @property
    def header_fields(self) -> dict[str, str]:
        """Name -> value."""
        text = "" if self.headers is None else self.headers.get_secret_value()
        pairs = (field.strip().partition("=") for field in text.split(",") if field.strip())
        return {name: value for name, _, value in pairs}

    @field_validator("endpoint")
    @classmethod
    def _is_a_url(cls, endpoint: str | None) -> str | None:
        if endpoint is not None:
            check_http_url(endpoint, "http://collector:4318")
            if "@" in urlsplit(endpoint).netloc:
                raise ValueError("must hold no user and password; a collector's key belongs in headers")
        return endpoint

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: SecretStr | None) -> SecretStr | None:
        fields = [] if headers is None else headers.get_secret_value().split(",")
        if not all(_HEADER.fullmatch(field.strip()) for field in fields if field.strip()):
            raise ValueError("must look like name=value,name=value")
        return headers


class SentrySettings(Section):
    """Where bugs are reported; see [logs.md](logs.md)."""

    dsn: SecretStr | None = Field(
        None, description="Sentry's DSN, such as `https://key@sentry.example/42`. Unset: nothing is reported."
    )
    environment: str = Field(
        "production", min_length=1, max_length=64, description="What Sentry calls this installation."
    )
    sample_rate: float = Field(1.0, ge=0, le=1, description="Which part of the errors is reported.")
    include_messages: bool = Field(
        False,
        description="Whether errors' own words are reported: they may quote what users sent. Else their class and "
        "place are.",
    )

    @field_validator("dsn")
    @classmethod
    def _is_a_dsn(cls, dsn: SecretStr | None) -> SecretStr | None:
        if dsn is not None:
            example = "https://key@sentry.example/42"
            check_http_url(dsn.get_secret_value(), example)
            url = urlsplit(dsn.get_secret_value())
            if not url.username or not re.fullmatch(r"(/[^/]+)*/[0-9]+", url.path, re.ASCII):
                raise ValueError(
                    f"must be a URL such as {example}: a key before the host, and a project's number behind"
                )
        return dsn


def check_http_url(text: str, example: str) -> None:
    """Raises `ValueError` for what is not the URL of a web server. The words do not repeat it: it may hold a secret."""
    told = f"must be a URL such as {example}"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError(told) from None
    if url.scheme not in {"http", "https"} or not url.hostname or port == 0 or re.search(r"[\s\x00-\x1f]", text):
        raise ValueError(told)
