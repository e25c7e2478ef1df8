"""Sentry, as far as a pod knows it: takes envelopes, and keeps them."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class SentryEndpoint:
    """A web server of this process, in a thread of its own."""

    def __init__(self) -> None:
        self.envelopes: list[bytes] = []
        self.heads: list[str] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                endpoint.heads.append(f"{self.path}\n{self.headers}")
                endpoint.envelopes.append(body)
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.dsn = f"http://key0123@127.0.0.1:{self._server.server_address[1]}/42"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The errors that were reported: what stands in the envelopes (docs: develop.sentry.dev/sdk/envelopes)."""
        found = []
        for envelope in self.envelopes:
            _, *items = envelope.splitlines()
            for head, payload in zip(items[::2], items[1::2], strict=True):
                if json.loads(head)["type"] == "event":
                    found.append(json.loads(payload))
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
