"""Ports of this machine: whether a program may listen on one."""

from __future__ import annotations

import socket


def port_problem(host: str, port: int) -> str:
    """Why nobody can listen there, in a sentence; "" where one can."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return (
            f"port {port} of {host} cannot be listened on ({error.strerror or error}); end what has it, or take another"
            " with --port (option port)."
        )
    return ""
