"""Clients that only read: `python -m loadtest.micro.sink <port> <connections>`; their time is not their server's."""

import selectors
import socket
import sys
from typing import Final

CHUNK_BYTES: Final = 1 << 18


def main() -> None:
    """Connect, say so, and read until the last connection is closed."""
    port, wanted = int(sys.argv[1]), int(sys.argv[2])
    selector, connected = selectors.DefaultSelector(), 0
    while connected < wanted:
        selector.register(socket.create_connection(("127.0.0.1", port)), selectors.EVENT_READ)
        connected += 1
    buffer = bytearray(CHUNK_BYTES)
    while connected:
        for key, _ in selector.select():
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            if not connection.recv_into(buffer):
                selector.unregister(connection)
                connection.close()
                connected -= 1


if __name__ == "__main__":
    main()
