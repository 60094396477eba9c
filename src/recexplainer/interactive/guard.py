"""What keeps the local page local: its port is free, and no page of another origin reaches it or its socket."""

import argparse
import errno
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from recexplainer.errors import InputError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An application as servers call it: with what is asked, and what gets and sends its messages."""


def port(text: str) -> int:
    """Argument type of a port that one can open: 1 to 65535."""
    number = int(text)
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 to 65535")
    return number


def check_free(host: str, number: int) -> None:
    """Refuse a port on which the page could not be served.

    Raises:
        InputError: something else listens there, or this user may not.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be opened ({error.strerror})"
            raise InputError(f"--port {number}: the port {why}. Choose another.") from None


class SameOrigin:
    """Middleware that answers requests and sockets of the page's own origin alone.

    Browsers send the origin of a page with every socket that it opens; a program that sends none is let through.

    Args:
        app: the ASGI application.
        origins: those of the page, such as ``http://127.0.0.1:8080``.
    """

    def __init__(self, app: Asgi, origins: list[str]) -> None:
        self.app, self.origins = app, {origin.encode() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = [value for name, value in scope.get("headers", ()) if name.lower() == b"origin"]
        if all(value in self.origins for value in given):
            await self.app(scope, receive, send)
        else:
            await refuse(scope, receive, send, 403, "another origin")


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    """Answer a request with a status and a line of text; a socket is closed before it is accepted, which is a 403."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
    else:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": why.encode()})
