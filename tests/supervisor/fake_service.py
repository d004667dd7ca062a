"""A service for the supervisor's tests: answers /health, and misbehaves when asked to.

Arguments: port, then `well`, `deaf` (ignores SIGTERM) or `crash` (ends when /crash is asked).
"""

import http.server
import os
import signal
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every path 200, ends the process on /crash."""

    def do_GET(self) -> None:
        if self.path == "/crash":
            os._exit(3)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


def main() -> None:
    port, mode = int(sys.argv[1]), sys.argv[2]
    if mode == "broken":
        sys.exit("it does not want to")
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stderr.write(f"listening on {port}\n")
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
