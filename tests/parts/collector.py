"""An OpenTelemetry collector, as far as a pod knows one: takes OTLP over HTTP, and keeps the spans."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status


@dataclass(frozen=True)
class Span:
    """A span as it came; `pod` is its `service.instance.id`."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    has_failed: bool
    attributes: dict[str, Any] = field(hash=False)
    links: tuple[tuple[str, str], ...]
    """(trace id, span id) of each."""
    resource: dict[str, Any] = field(hash=False)

    @property
    def pod(self) -> str:
        return str(self.resource.get("service.instance.id", ""))


class Collector:
    """A web server of this process, in a thread of its own. It asserts nothing: what came is there to look at."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.headers: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a pod that sends its traces here: those that somebody has begun, and no others."""
        return {"REALTIME_TRACING__ENDPOINT": self.url, "REALTIME_TRACING__SAMPLING_RATIO": "0"}

    def trace(self, trace_id: str) -> list[Span]:
        """Return all spans of a trace, in the order in which they began."""
        return sorted((span for span in self.spans if span.trace_id == trace_id), key=lambda span: span.start_ns)

    def named(self, name: str) -> list[Span]:
        """Return all spans of that name."""
        return [span for span in self.spans if span.name == name]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = 200 if self.path == "/v1/traces" else 404
                if status == 200:
                    request = ExportTraceServiceRequest.FromString(body)
                    collector.headers.append(dict(self.headers))
                    collector.spans += _read(request)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _read(request: ExportTraceServiceRequest) -> Iterable[Span]:
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Span(
                    name=span.name,
                    kind=WireSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    has_failed=span.status.code == Status.STATUS_CODE_ERROR,
                    attributes=_attributes(span.attributes),
                    links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    resource=resource,
                )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in pairs}


def render(spans: Sequence[Span], told: Sequence[str] = ()) -> str:
    """Draw a trace as a tree: name, kind, pod, and when it began and how long it took, in milliseconds.

    `told` are attributes to tell, where a span has them. A span whose parent is not there hangs from that parent's id.
    """
    ordered = sorted(spans, key=lambda span: span.start_ns)
    began_ns = ordered[0].start_ns if ordered else 0
    ids = {span.span_id for span in ordered}
    lines: list[str] = []

    def draw(parent_id: str, indent: str) -> None:
        children = [span for span in ordered if span.parent_id == parent_id]
        for number, span in enumerate(children):
            is_last = number == len(children) - 1
            more = "  ".join(f"{name}={span.attributes[name]}" for name in told if name in span.attributes)
            text = f"{indent}{'└─' if is_last else '├─'} {span.name}"
            at_ms, took_ms = (span.start_ns - began_ns) / 1e6, (span.end_ns - span.start_ns) / 1e6
            line = f"{text:42}{span.kind.lower():10}{span.pod:10}{at_ms:8.2f} ms {took_ms:+9.2f} ms  {more}"
            lines.append(line.rstrip())
            draw(span.span_id, indent + ("   " if is_last else "│  "))

    for outside in dict.fromkeys(span.parent_id for span in ordered if span.parent_id not in ids):
        lines.append(f"(span {outside} of another service)" if outside else "(the trace begins here)")
        draw(outside, "")
    return "\n".join(lines)
