"""Downloads against a real HTTP server that fails on purpose."""

import gzip
import hashlib
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from raw_settings import places

from recexplainer.config.source import Listed
from recexplainer.data import download as module
from recexplainer.data.download import download
from recexplainer.data.streams import lines
from recexplainer.errors import InputError
from recexplainer.typed import checked

CONTENT = gzip.compress(bytes(range(256)) * 2000, compresslevel=0, mtime=0)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Answers each request with the next of ``plan``'s functions, then with the last one for ever."""

    def __init__(self):
        outer = self
        self.plan, self.requests, self.content, self.etag = [send], [], CONTENT, '"v1"'

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(dict(self.headers))
                step = outer.plan.pop(0) if len(outer.plan) > 1 else outer.plan[0]
                step(self, outer)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/file.json.gz"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def send(request, server, *, stop=None, ranges=True, headers=(), total=None):
    """A well-behaved answer; ``stop`` cuts the connection after so many bytes of the body."""
    body, status, start = server.content, 200, 0
    asked = request.headers.get("Range")
    if ranges and asked and request.headers.get("If-Range") in (None, server.etag):
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        status = 206
    request.send_response(status)
    if status == 206:
        request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
    request.send_header("Content-Length", str(total or len(body) - start))
    if server.etag:
        request.send_header("ETag", server.etag)
    for name, value in headers:
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body[start:][:stop])
    if stop is not None:
        request.close_connection = True


def cut(at, **options):
    return lambda request, server: send(request, server, stop=at, **options)


def fail(status, headers=()):
    def answer(request, server):
        request.send_response(status)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    yield server
    server.close()


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def get(tmp_path, pauses):
    def get(*sources):
        download(
            name="games/reviews", sources=places(*sources), output=tmp_path / "raw" / "reviews.gz", sleep=pauses.append
        )
        return (tmp_path / "raw" / "reviews.gz").read_bytes()

    return get


def leftovers(tmp_path):
    """Return the names of the files, without their checksums."""
    return sorted(path.name for path in (tmp_path / "raw").iterdir() if path.suffix != ".sha256")


def test_whole_file_at_once(server, get, tmp_path):
    assert get({"url": server.url, "sha256": DIGEST, "bytes": len(CONTENT)}) == CONTENT
    assert leftovers(tmp_path) == ["reviews.gz"]
    assert server.requests[0]["Accept-Encoding"] == "identity"


def test_local_path_comes_first_and_is_copied(server, get, tmp_path, monkeypatch):
    (tmp_path / "mine.gz").write_bytes(CONTENT)
    monkeypatch.setenv("DATA_FOLDER", str(tmp_path))
    assert get({"path": "$DATA_FOLDER/mine.gz"}, {"url": server.url}) == CONTENT
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get({"path": "~/mine.gz"}) == CONTENT
    assert server.requests == []
    assert (tmp_path / "mine.gz").read_bytes() == CONTENT


@pytest.mark.parametrize("local", [None, b"", b"wrong"])
def test_a_local_file_that_is_missing_empty_or_wrong_is_passed_over(server, get, tmp_path, local):
    if local is not None:
        (tmp_path / "mine.gz").write_bytes(local)
    assert get({"path": str(tmp_path / "mine.gz"), "sha256": DIGEST}, {"url": server.url}) == CONTENT


def test_cut_off_in_the_middle_is_continued(server, get, tmp_path, pauses):
    server.plan = [cut(1000), cut(5000), send]
    assert get({"url": server.url, "sha256": DIGEST}) == CONTENT
    assert [request.get("Range") for request in server.requests] == [None, "bytes=1000-", "bytes=6000-"]
    assert server.requests[1]["If-Range"] == '"v1"'
    assert pauses == [2.0, 4.0]
    assert leftovers(tmp_path) == ["reviews.gz"]


def test_a_later_run_continues_the_part(server, get, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    server.plan = [cut(1000), send]
    with pytest.raises(InputError):
        get({"url": server.url})
    assert leftovers(tmp_path) == ["reviews.gz.part", "reviews.gz.part.json"]
    assert get({"url": server.url}) == CONTENT
    assert server.requests[1]["Range"] == "bytes=1000-"


def test_a_file_that_changed_meanwhile_is_started_again(server, get):
    def change(request, server):
        server.content, server.etag = gzip.compress(b"new", mtime=0), '"v2"'
        send(request, server)

    server.plan = [cut(1000), change]
    assert gzip.decompress(get({"url": server.url})) == b"new"


def test_a_server_without_ranges_is_started_again(server, get):
    server.plan = [cut(1000, ranges=False), lambda request, server: send(request, server, ranges=False)]
    assert get({"url": server.url, "sha256": DIGEST}) == CONTENT


def test_without_a_validator_nothing_is_continued(server, get):
    server.etag = None
    server.plan = [cut(1000), send]
    assert get({"url": server.url}) == CONTENT
    assert "Range" not in server.requests[1]


def test_a_part_is_not_continued_from_another_mirror(server, get, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    server.plan = [cut(1000), send]
    assert get({"url": server.url}, {"url": server.url + "?mirror"}) == CONTENT
    assert "Range" not in server.requests[1]


def test_a_corrupt_first_half_is_started_again(server, get, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    server.plan = [cut(1000), send]
    with pytest.raises(InputError):
        get({"url": server.url})
    (tmp_path / "raw" / "reviews.gz.part").write_bytes(b"x" * 1000)
    monkeypatch.setattr(module, "ATTEMPTS", 2)
    assert get({"url": server.url, "sha256": DIGEST}) == CONTENT


def test_a_wrong_range_in_the_answer_is_started_again(server, get):
    def wrong(request, server):
        request.send_response(206)
        request.send_header("Content-Range", f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}")
        request.send_header("Content-Length", "0")
        request.end_headers()

    server.plan = [cut(1000), wrong, send]
    assert get({"url": server.url}) == CONTENT


def test_416_is_started_again(server, get):
    server.plan = [cut(1000), fail(416), send]
    assert get({"url": server.url}) == CONTENT
    assert "Range" not in server.requests[2]


def test_server_errors_are_retried_with_longer_pauses(server, get, pauses):
    server.plan = [fail(500), fail(502), fail(503), send]
    assert get({"url": server.url}) == CONTENT
    assert pauses == [2.0, 4.0, 8.0]


def test_retry_after_is_honoured_up_to_a_limit(server, get, pauses):
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    plan = ["7", "99999", soon, "nonsense"]
    server.plan = [*(fail(429, [("Retry-After", value)]) for value in plan), send]
    assert get({"url": server.url}) == CONTENT
    assert pauses[:2] == [7.0, module.LONGEST_PAUSE]
    assert 30 < pauses[2] <= 60
    assert pauses[3] == 16.0


def test_progress_resets_the_count_of_failures(server, get, monkeypatch, pauses):
    monkeypatch.setattr(module, "CHUNK", 1000)
    monkeypatch.setattr(module, "ATTEMPTS", 2)
    server.plan = [cut(2000), cut(2000), cut(2000), cut(2000), send]
    assert get({"url": server.url}) == CONTENT
    assert pauses == [2.0] * 4


def test_wrong_checksum_and_wrong_size_go_to_the_next_mirror(server, get):
    def other(request, server):
        server.content, good = gzip.compress(b"other", mtime=0), server.content
        send(request, server)
        server.content = good

    server.plan = [other, send]
    assert get({"url": server.url, "sha256": DIGEST}, {"url": server.url, "sha256": DIGEST}) == CONTENT
    server.requests.clear()
    server.plan = [other, send]
    assert get({"url": server.url, "bytes": len(CONTENT)}, {"url": server.url, "bytes": len(CONTENT)}) == CONTENT
    assert len(server.requests) == 2


def test_a_web_page_is_not_taken_for_the_file(server, get):
    server.plan = [lambda request, server: send(request, server, headers=[("Content-Type", "text/html")]), send]
    assert get({"url": server.url}, {"url": server.url}) == CONTENT
    server.content = b"Not found. Sorry."
    with pytest.raises(InputError, match="not a gzip file"):
        get({"url": server.url})


def test_gzip_content_encoding_is_left_alone(server, get):
    server.plan = [lambda request, server: send(request, server, headers=[("Content-Encoding", "gzip")])]
    assert get({"url": server.url, "sha256": DIGEST}) == CONTENT


def test_redirects_are_followed_but_not_to_other_schemes(server, get, tmp_path):
    server.plan = [fail(302, [("Location", server.url + "?moved")]), send]
    assert get({"url": server.url}) == CONTENT
    for target in ("ftp://127.0.0.1/file.gz", f"file://{tmp_path}/raw/reviews.gz"):
        server.plan = [fail(302, [("Location", target)])]
        with pytest.raises(InputError, match="redirected"):
            get({"url": server.url})
    with pytest.raises(InputError, match="url: .*; expected a text that matches"):
        get({"url": "ftp://127.0.0.1/file.gz"})


def test_a_silent_server_times_out(server, get, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT", (1, 0.1))
    server.plan = [lambda request, server: time.sleep(0.3), send]
    assert get({"url": server.url}) == CONTENT


def test_when_all_fail_each_source_and_its_reason_are_named(server, get, tmp_path):
    server.plan = [fail(404), fail(500)]
    with pytest.raises(InputError) as error:
        get({"path": "data/none.gz"}, {"url": server.url}, {"url": server.url + "?b"}, {"url": "http://127.0.0.1:1/c"})
    message = str(error.value)
    assert "data/none.gz: no such file" in message
    assert f"{server.url}: HTTP 404" in message
    assert f"{server.url}?b: {module.ATTEMPTS} attempts failed, the last one: HTTP 500" in message
    assert "127.0.0.1:1/c" in message
    assert message.endswith("Get it by hand and put it as data/none.gz.")
    assert not (tmp_path / "raw" / "reviews.gz").exists()


# servers that lie about size


def close_after(request, server, *, total):
    send(request, server, total=total)
    request.close_connection = True


def test_a_server_that_promises_more_than_it_sends_is_given_up(server, get, tmp_path):
    server.plan = [lambda request, server: close_after(request, server, total=len(CONTENT) + 100)]
    with pytest.raises(InputError, match=f"{module.ATTEMPTS} attempts failed"):
        get({"url": server.url})
    assert not (tmp_path / "raw" / "reviews.gz").exists()


def test_a_server_that_promises_less_than_the_file_is_found_out_by_checksum_or_when_it_is_read(server, get, tmp_path):
    server.plan = [lambda request, server: close_after(request, server, total=len(CONTENT) - 100)]
    for known in ({"sha256": DIGEST}, {"bytes": len(CONTENT)}):
        with pytest.raises(InputError, match="expected|SHA-256"):
            get({"url": server.url} | known)
        assert not (tmp_path / "raw" / "reviews.gz").exists()
    get({"url": server.url})
    with pytest.raises(InputError, match="cut off or corrupt.*run the download again"):
        list(lines(tmp_path / "raw" / "reviews.gz"))


def test_a_file_without_a_length_that_is_cut_off_is_found_out_when_it_is_read(server, get, tmp_path):
    def endless(request, server):
        request.send_response(200)
        request.end_headers()
        request.wfile.write(CONTENT[:5000])
        request.close_connection = True

    server.plan = [endless]
    get({"url": server.url})
    with pytest.raises(InputError, match="cut off or corrupt"):
        list(lines(tmp_path / "raw" / "reviews.gz"))


@pytest.mark.parametrize("total", [len(CONTENT) - 500, len(CONTENT) + 500])
def test_a_wrong_total_in_a_continued_answer_never_makes_a_whole_file(server, get, tmp_path, total):
    def lie(request, server):
        start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        request.send_header("Content-Length", str(len(CONTENT) - start))
        request.end_headers()
        request.wfile.write(CONTENT[start:])

    server.plan = [cut(1000), lie, send]
    assert get({"url": server.url, "sha256": DIGEST}) == CONTENT
    assert leftovers(tmp_path) == ["reviews.gz"]


@pytest.mark.parametrize(
    "sources",
    [
        None,
        [],
        ["x"],
        [{"path": 3}],
        [{"url": "http://a", "sha256": "12"}],
        [{"url": "http://a", "bytes": 0}],
        [{"url": "http://a", "md5": "1"}],
    ],
)
def test_bad_sources_are_refused(sources):
    with pytest.raises(InputError, match="^sources"):
        checked(Listed, {"sources": sources})


@pytest.mark.parametrize("source", [{}, {"path": "a", "url": "http://b"}, {"package": "a==1"}, {"member": "a"}])
def test_a_source_is_one_place_and_of_a_package_one_file(source, tmp_path):
    with pytest.raises(InputError, match="'sources' of x: expected a path, a url or a package"):
        download(name="x", sources=places({"path": "a"}, source), output=tmp_path / "y")
