"""Sessions of the local page: those that nobody looks at end, and there is a ceiling on those that are open.

A session is what the server holds of one load of the page. It ends when its browser is gone, or has never come to open
a socket.
"""

import gc

from nicegui import Client, app, context, core
from starlette.responses import PlainTextResponse

from recexplainer.interactive.guard import Asgi, Receive, Scope, Send, refuse

MOST = 24  # open at once
GRACE = 20.0  # seconds in which a page that was sent has to open its socket
PATIENCE = 10.0  # seconds in which a browser may come back whose socket broke off, as on a busy machine
EVERY = 5.0  # seconds between two looks
FULL = f"{MOST} pages are open. Close one, and load this one again."


def turned_away() -> PlainTextResponse | None:
    """Make room for the session that is being opened, at the cost of the oldest to which no browser has come.

    Returns:
        None, or, if all others have a browser, what is to be sent in place of the page; this session is ended then.
    """
    own = context.client
    unseen = [one for one in Client.instances.values() if one.environ is None and one is not own]
    for one in unseen[: max(0, len(Client.instances) - MOST)]:
        one.delete()
    if len(Client.instances) <= MOST:
        return None
    own.delete()
    return PlainTextResponse(FULL, 503)


class Collector:
    """Ends what no browser came to, and frees what ended sessions held, which are circles of objects."""

    def __init__(self) -> None:
        self.due = 0
        app.on_delete(self._ended)

    def _ended(self) -> None:
        # A task of the session may still run, and hold it, when it is looked for the first time.
        self.due = 3

    def look(self) -> None:
        """Do so once."""
        Client.prune_instances(client_age_threshold=GRACE)
        if self.due:
            self.due -= 1
            gc.collect()


class FewSockets:
    """Middleware that lets no more than ``most`` sockets be open; a page has one.

    Args:
        app: the ASGI application.
        most: of them at once.
    """

    def __init__(self, app: Asgi, most: int) -> None:
        self.app, self.most, self.open = app, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
        elif self.open >= self.most:
            await refuse(scope, receive, send, 503, "too many sockets are open")
        else:
            self.open += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.open -= 1


def limit() -> None:
    """Hold the ceilings of this program's page; call it once, when all is loaded that the sessions share."""
    # What is loaded stays; so looking for what can be freed does not have to go through it.
    gc.collect()
    gc.freeze()
    app.timer(EVERY, Collector().look)
    # Twice as many sockets as pages: one that breaks off is noticed some seconds after the next was opened.
    app.add_middleware(FewSockets, most=2 * MOST)
    # What NiceGUI keeps for each tab of a browser, 30 days if not told otherwise; the page puts nothing there.
    app.storage.max_tab_storage_age = GRACE
    # Sockets alone: a session by single requests would be held some seconds for each that anybody sends.
    core.sio.eio.transports = ["websocket"]
    # A path that is none gets a line, not a page with a session of its own.
    app.add_exception_handler(404, lambda request, error: PlainTextResponse("There is nothing here.", 404))
