"""Asks a service whether it is well, and a port whether it is free.

The plainest HTTP there is: the supervisor must stay small and must not need what it watches.
"""

import asyncio
import errno
import socket

import psutil

ANSWER_SECONDS_MAX = 2.0
LINE_BYTES_MAX = 4096


async def healthy(host: str, port: int, path: str = "/health") -> bool:
    """True when the health page is answered 200; with an empty path, when the port is."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            reader, writer = await asyncio.open_connection(host, port, limit=LINE_BYTES_MAX)
            try:
                if not path:
                    return True
                request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
    return status.split(b" ", 2)[1:2] == [b"200"]


def taken(host: str, port: int) -> bool:
    """True when nothing new can listen on the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL)
    return False


def holder(port: int) -> str:
    """Who listens on a port, as far as we may see: " by name (pid)", else nothing."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.pid
            if listens and connection.laddr and connection.laddr.port == port:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return ""
    return ""
