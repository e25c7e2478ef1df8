"""A connection to Kafka that was reset between two requests is a broken connection, not the end of a consumer."""

from collections.abc import Awaitable
from typing import Any

import aiokafka.conn
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError


class ResettableConnection(AIOKafkaConnection):  # type: ignore[misc]
    """A connection that says so when it was reset a moment ago.

    uvloop raises `RuntimeError` where asyncio raises nothing or an `OSError`. aiokafka does not expect it: the fetcher
    or coordinator of a consumer ends for ever, and its partitions stand still until `intake.watchdog` gives it up.
    """

    def send(self, request: Any, expect_response: bool = True) -> Awaitable[Any]:
        """See `AIOKafkaConnection`. Raises `KafkaConnectionError`."""
        try:
            return super().send(request, expect_response)  # type: ignore[no-any-return]
        except RuntimeError as error:
            raise self._broken(error) from error

    def _send_sasl_token(self, payload: bytes, expect_response: bool = True) -> Awaitable[Any]:
        try:
            return super()._send_sasl_token(payload, expect_response)  # type: ignore[no-any-return]
        except RuntimeError as error:
            raise self._broken(error) from error

    def _broken(self, error: RuntimeError) -> KafkaConnectionError:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        return KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}")


def expect_resets() -> None:
    """Let all clients of aiokafka connect so; it has no way to be told which connections to make."""
    aiokafka.conn.AIOKafkaConnection = ResettableConnection
