"""A web server on this machine that misbehaves on request."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from raytune_suite.datasets import File

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = bytes(range(256)) * 4000
"""About a megabyte, so that a connection can be cut in the middle."""


def known(path: str, url: str, body: bytes) -> File:
    """Return the record of a file with this content."""
    return File(path=path, url=url, size=len(body), sha256=hashlib.sha256(body).hexdigest())


@dataclass
class Site:
    """The content and the behaviour of the server.

    Attributes:
        content: The content of each path.
        url: The URL of the server.
        ranges: Whether it supports range requests.
        cut: The number of bytes after which it drops the connection; None for never.
        hang: Whether it stops sending at that point, but keeps the connection open.
        asked: The Range header of each request so far.
        headers: Headers that it sends in place of its own.
        endless: Whether it repeats the content for ever.
    """

    content: dict[str, bytes]
    url: str = ""
    ranges: bool = True
    cut: int | None = None
    hang: bool = False
    asked: list[str | None] = field(default_factory=list)
    headers: dict[str, str | None] = field(default_factory=dict)
    endless: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        wanted, body = request.headers.get("Range"), self.content.get(request.path)
        self.asked.append(wanted)
        if body is None:
            request.send_error(404)
            return
        if "Location" in self.headers:
            request.send_response(302)
            request.send_header("Location", str(self.headers["Location"]))
            request.end_headers()
            return
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        start = 0
        if self.ranges and wanted is not None and request.headers.get("If-Range") in {None, etag}:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                request.send_error(416)
                return
        request.send_response(206 if start else 200)
        headers = {"Content-Length": str(len(body) - start), "ETag": etag, **self.headers}
        if start:
            headers.setdefault("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        for name, value in headers.items():
            if value is not None:
                request.send_header(name, value)
        request.end_headers()
        while self.endless:
            request.wfile.write(body)
        request.wfile.write(body[start : None if self.cut is None else start + self.cut])
        request.wfile.flush()
        if self.cut is not None and self.hang:
            self.over.wait(30)


@contextmanager
def serving(content: dict[str, bytes]) -> Iterator[Site]:
    """Serve this content on a free port until the block ends."""
    site = Site(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):  # the client has seen enough
                site.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
