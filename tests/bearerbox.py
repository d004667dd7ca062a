"""Stands where Kannel's drive_smpp wants a bearerbox: three seconds after a bind it must connect.

Its port is fixed in the program, whatever its configuration says; without anybody there it ends,
which on a busy machine is before the test is over. To be connected is all that it needs.
"""

import socket

PORT = 13_001


def bearerbox() -> socket.socket:
    """Listens until it is closed; several at once may."""
    return socket.create_server(("127.0.0.1", PORT), reuse_port=True)
