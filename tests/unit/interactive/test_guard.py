"""The local page: a port that cannot be opened is refused, and a page of another origin does not reach it."""

import asyncio
import socket
from types import SimpleNamespace

import pytest

from recexplainer.arguments import parser
from recexplainer.errors import InputError
from recexplainer.interactive import command, guard

OWN = ["http://127.0.0.1:8080", "http://localhost:8080"]


@pytest.mark.parametrize("number", ["0", "-1", "65536", "70000", "x", "8080\u0660x"])
def test_a_port_that_is_none_is_refused(number):
    with pytest.raises(InputError, match="--port"):
        parser(command.COMMANDS, None).parse_args(["demo-ui", "--results", "r", "--port", number])


def test_a_port_that_is_taken_is_refused_before_anything_is_loaded(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        pytest.importorskip("nicegui", reason="needs the Python package nicegui")
        with pytest.raises(InputError, match=f"--port {number}: the port is taken. Choose another"):
            command.demo_ui(results=str(tmp_path), port=number)
    guard.check_free("127.0.0.1", number)


def sent(kind: str, *origins: str) -> list:
    """Return what the middleware sends; "through" where the application is asked."""
    result = []

    async def application(scope, receive, send):
        result.append("through")

    async def receive():
        return {"type": f"{kind}.connect"}

    async def send(message):
        result.append(message)

    scope = {"type": kind, "headers": [(b"host", b"127.0.0.1:8080"), *((b"origin", one.encode()) for one in origins)]}
    asyncio.run(guard.SameOrigin(application, OWN)(scope, receive, send))
    return result


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("origins", [[], OWN[:1], OWN[1:]], ids=["none", "address", "name"])
def test_the_pages_own_origin_is_let_through(kind, origins):
    assert sent(kind, *origins) == ["through"]


@pytest.mark.parametrize(
    "origins",
    [["http://evil.example"], ["null"], ["https://127.0.0.1:8080"], ["http://127.0.0.1:8081"], [OWN[0], "http://evil"]],
)
def test_another_origin_is_not(origins):
    assert sent("http", *origins)[0]["status"] == 403
    assert sent("websocket", *origins) == [{"type": "websocket.close", "code": 1008}]


def test_the_page_has_the_middleware(monkeypatch):
    pytest.importorskip("nicegui", reason="needs the Python package nicegui")
    from recexplainer.interactive import page

    added = {}
    monkeypatch.setattr(page.app, "add_middleware", lambda kind, **options: added.update({kind: options}))
    monkeypatch.setattr(page.ui, "run", lambda **options: None)
    monkeypatch.setattr(page, "limit", lambda: added.update(limit={}))
    monkeypatch.setattr(page, "Library", lambda *_: SimpleNamespace(get=lambda _: SimpleNamespace(load=lambda: None)))
    config = {"run": {"datasets": ["games"], "recommenders": ["sasrec"]}, "datasets": {"games": {"name": "Games"}}}
    page.serve("results", config | {"recommenders": {"sasrec": {"model": "sasrec"}}}, "games", 8080)
    assert added[guard.SameOrigin] == {"origins": OWN}
    assert "limit" in added
