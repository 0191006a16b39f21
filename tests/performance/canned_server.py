"""An HTTP server in a process of its own that answers with the same bytes: what it allocates is not in this process.

It prints its port, answers a GET with the file named on its command line and anything else with an empty object, and
ends with its standard input.
"""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path


def serve(connection: socket.socket, answer: bytes) -> None:
    """Answer every request of one connection until it is closed."""
    with connection, connection.makefile("rb") as lines:
        while head := b"".join(iter(lines.readline, b"\r\n")):
            length = next((line for line in head.splitlines() if line.lower().startswith(b"content-length:")), b":0")
            lines.read(int(length.partition(b":")[2]))
            body = answer if head.startswith(b"GET ") else b"{}"
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                               % (len(body), body))  # fmt: skip


def main(path: str) -> None:
    """Serve the file at `path`."""
    answer = Path(path).read_bytes()
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, answer), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
