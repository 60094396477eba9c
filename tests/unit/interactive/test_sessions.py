"""The local page's sessions: they end, there is a ceiling on them, and many of them leave the memory as it was.

Against a real server, with the page's real HTML and sockets that speak as NiceGUI's do.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

pytest.importorskip("nicegui", reason="needs the Python package nicegui")

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from recexplainer.interactive.sessions import GRACE, MOST

ROOT = Path(__file__).parents[3]
SERVER = ROOT / "tests/support/page_server.py"
SOURCE = ROOT / "src"
LOADS = 150
PATIENCE = 120  # seconds; on a busy machine a session ends late


def answer_pings(opened) -> None:
    """Stay connected, as a browser does."""
    for message in opened:
        if message == "2":
            opened.send("3")


class Server:
    """The page's server in a process of its own."""

    def __init__(self, port: int):
        self.port, self.address = port, f"http://127.0.0.1:{port}/"
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "NICEGUI"))}
        environment |= {"PYTHONPATH": str(SOURCE)}
        self.process = subprocess.Popen([sys.executable, str(SERVER), str(port)], env=environment)

    def count(self, name: str) -> float:
        with urlopen(self.address + "count", timeout=PATIENCE) as answer:
            return json.load(answer)[name]

    def load(self) -> str:
        """Load the page; return its session's id."""
        with urlopen(self.address, timeout=PATIENCE) as answer:
            return re.search(r'client_id["\']?: ?["\']([0-9a-f-]{36})', answer.read().decode())[1]

    def open(self, session: str):
        """Open the session's socket, as its page does."""
        query = f"client_id={session}&tab_id={session}&document_id={session}&next_message_id=0&implicit_handshake=true"
        address = f"ws://127.0.0.1:{self.port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket&{query}"
        opened = connect(address, open_timeout=PATIENCE, close_timeout=1)
        assert opened.recv(PATIENCE).startswith("0{")  # Engine.IO is open
        opened.send("40")  # Socket.IO, please
        assert opened.recv(PATIENCE).startswith("40{")
        Thread(target=answer_pings, args=[opened], daemon=True).start()
        return opened

    def until(self, condition, what: str) -> None:
        """Wait until a condition holds; say what was waited for if it never does."""
        for _ in range(2 * PATIENCE):
            if condition():
                return
            time.sleep(0.5)
        raise AssertionError(f"in vain: {what}")


@pytest.fixture(scope="module")
def server():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = Server(port)
    for _ in range(4 * PATIENCE):
        try:
            started.count("sessions")
            break
        except OSError:
            assert started.process.poll() is None
            time.sleep(0.5)
    yield started
    started.process.terminate()
    started.process.wait(PATIENCE)


def emptied(server: Server) -> None:
    """Wait until no session is left, nor an object of one."""
    for name in ("sessions", "objects"):
        server.until(lambda name=name: server.count(name) == 0, f"no {name}")


def test_many_loads_leave_nothing(server):
    for _ in range(MOST):  # what a first load makes for all
        server.load()
    emptied(server)
    before = server.count("resident")
    most = 0
    for number in range(LOADS):
        server.load()
        if number % 20 == 0:
            most = max(most, server.count("sessions"))
    assert MOST // 2 <= most <= MOST
    emptied(server)
    # Without an end, most of a MB is left of each.
    assert server.count("resident") - before < 0.2 * LOADS


def test_many_sockets_leave_nothing(server):
    def visit(_) -> None:
        with server.open(server.load()):
            pass

    before = server.count("resident")
    most = 0
    for number in range(MOST + 6):
        try:
            visit(number)
        except HTTPError as error:  # all that were open in the last seconds are still waited for
            assert error.code == 503
            time.sleep(1)
        most = max(most, server.count("sessions"))
    assert 0 < most <= MOST
    emptied(server)
    server.until(lambda: server.count("tabs") == 0, "nothing that is kept for a tab")
    assert server.count("resident") - before < 0.2 * LOADS


def test_the_ceiling_holds_with_all_at_once(server):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: server.load(), range(2 * MOST)))
    assert server.count("sessions") <= MOST
    emptied(server)


def test_a_page_in_use_outlives_those_to_which_nobody_came(server):
    emptied(server)
    with server.open(server.load()):
        for _ in range(MOST + 4):
            server.load()
        assert server.count("connected") == 1
        assert server.count("sessions") == MOST
        with pytest.raises(AssertionError):  # a session that is none, or has ended: the page loads itself again
            server.open("00000000-0000-0000-0000-000000000000")
    emptied(server)


def test_a_load_beyond_pages_that_are_all_in_use_is_refused(server):
    emptied(server)
    opened = [server.open(server.load()) for _ in range(MOST)]
    with pytest.raises(HTTPError, match="503") as caught:
        server.load()
    assert f"{MOST} pages are open" in caught.value.read().decode()
    assert server.count("sessions") == MOST
    opened.pop().close()
    server.until(lambda: server.count("sessions") < MOST, "a session that ends with its socket")
    server.load()
    for one in opened:
        one.close()
    emptied(server)


def test_sockets_have_a_ceiling(server):
    """They are counted whether or not a session is behind them."""
    address = f"ws://127.0.0.1:{server.port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    opened = [connect(address, open_timeout=PATIENCE) for _ in range(2 * MOST)]
    with pytest.raises(InvalidStatus, match="403"):
        connect(address)
    for one in opened:
        one.close()
    emptied(server)


@pytest.mark.parametrize(
    ("path", "status"),
    [("nothing", 404), ("_nicegui/nothing", 404), ("_nicegui_ws/socket.io/?EIO=4&transport=polling", 400)],
)
def test_other_paths_open_no_session(server, path, status):
    emptied(server)
    with pytest.raises(HTTPError, match=str(status)):
        urlopen(server.address + path, timeout=PATIENCE)
    assert server.count("sessions") == 0


def test_a_page_has_time_to_open_its_socket():
    assert GRACE >= 10
