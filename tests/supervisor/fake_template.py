"""A process to copy for the supervisor's tests: each copy is a fake service."""

import socket
import sys
from pathlib import Path

from cpaas.kit.copies import serve_copies

sys.path.insert(0, str(Path(__file__).parent))
import fake_service  # type: ignore[import-not-found]

if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        argv = serve_copies(requests)
    if argv is not None:
        sys.argv[1:] = argv
        fake_service.main()
