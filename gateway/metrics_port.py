"""A port of its own for the metrics, which only processes on the same machine reach."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway.metrics import CONTENT_TYPE, METRICS_ADDRESS


class MetricsPort:
    """Serves metrics without a key, in a thread. Each worker may answer for all of them."""

    def __init__(self, port: int, text: Callable[[], bytes]) -> None:
        self._server = _Server((METRICS_ADDRESS, port), _Handler)
        self._server.text = text
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics-port", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more, and let go of the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    allow_reuse_port = True
    daemon_threads = True
    text: Callable[[], bytes]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        body = self.server.text()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass  # it would write to stderr what is no JSON
