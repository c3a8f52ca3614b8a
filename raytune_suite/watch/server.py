"""The page of a study that is watched: served on this machine only, and updated by server-sent events."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from raytune_suite.errors import RaytuneSuiteError
from raytune_suite.pages.html import html, read, section_html
from raytune_suite.report.build import SECTIONS, study_document
from raytune_suite.watch.pace import Pace

if TYPE_CHECKING:
    from raytune_suite.pages.document import Section
    from raytune_suite.tuning.result import StudyResult
    from raytune_suite.watch.reader import StudyReader

ADDRESS = "127.0.0.1"

LOOK_S = 1.0
"""Seconds between two looks at the study's files."""

DRAW_S = 3.0
"""The least seconds between two updates of the page."""

TABLES_PART, FIGURES_PART = 0.25, 0.4
"""The parts of `pace.SHARE` that updates of the tables and of the figures may take; the rest is for looks."""

HEARTBEAT_S = 15.0
"""A comment is sent if there is nothing new for this long, which shows whether the browser is still there."""


class LivePage:
    """The page of a study, drawn again when the study has grown."""

    def __init__(self, reader: StudyReader) -> None:
        """Read and draw the study once."""
        self._reader = reader
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._version = 0
        self._message = ""
        self._figures: dict[str, tuple[Section, str]] = {}
        self._tables_pace, self._figures_pace = Pace(DRAW_S, TABLES_PART), Pace(DRAW_S, FIGURES_PART)
        self.script = read("watch.js")
        self._reader.refresh()
        self._draw()

    def run(self) -> None:
        """Look at the study until `stop`; a study whose files cannot be read for a moment is tried again."""
        tables_old = figures_old = False
        while not self._stopped.wait(LOOK_S):
            try:
                if self._reader.refresh():
                    tables_old = figures_old = True
                if figures_old and (self._figures_pace.due or not self._reader.running):
                    tables_old = figures_old = False
                    self._draw()
                elif tables_old and self._tables_pace.due:
                    tables_old = False
                    self._publish_document(self._figures)
            except RaytuneSuiteError as error:
                self._publish({"lead": str(error)})

    def stop(self) -> None:
        """End `run` and all streams of events."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()

    def html(self) -> str:
        """The whole page as it is now."""
        return html(self._document, script=self.script)

    def wait(self, version: int) -> tuple[int, str] | None:
        """Wait for a message after this version: (version, message); None after `HEARTBEAT_S` or `stop`."""
        with self._changed:
            self._changed.wait_for(lambda: self._version > version or self._stopped.is_set(), HEARTBEAT_S)
            return (self._version, self._message) if self._version > version else None

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped.is_set()

    @property
    def version(self) -> int:
        """The number of the last message."""
        return self._version

    def _draw(self) -> None:
        """Draw everything again."""
        with self._figures_pace.update():
            self._publish_document(None)

    def _publish_document(self, figures: dict[str, tuple[Section, str]] | None) -> None:
        """Publish the study as it is now, with these figures; None for new ones."""
        with self._tables_pace.update():  # also before figures: it is what reading a large study takes
            result = self._reader.result()
            if figures is not None:
                self._publish_result(result, figures)
        if figures is None:
            self._publish_result(result, None)

    def _publish_result(self, result: StudyResult, figures: dict[str, tuple[Section, str]] | None) -> None:
        drawn = None if figures is None else [section for section, _ in figures.values()]
        document = study_document(result, status=result.status, figures=drawn)
        rendered = {name: text for name, (_, text) in (figures or {}).items()}
        sections = {each.name: rendered.get(each.name) or section_html(document, each) for each in document.sections}
        self._document = document
        self._figures = {each.name: (each, sections[each.name]) for each in document.sections if each.name in SECTIONS}
        self._publish({"lead": document.lead, "facts": dict(document.facts), "sections": sections})

    def _publish(self, message: dict[str, Any]) -> None:
        with self._changed:
            self._version, self._message = self._version + 1, json.dumps(message)
            self._changed.notify_all()


def make_server(page: LivePage, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """A server for a page on this machine, and the address to open, which has the token that every request needs."""
    token = secrets.token_urlsafe(24)
    server = ThreadingHTTPServer((ADDRESS, port), _handler(page, token))
    server.daemon_threads = True
    return server, f"http://{ADDRESS}:{server.server_address[1]}/?token={token}"


def content_policy(script: str) -> str:
    """The Content-Security-Policy of a page that runs this script only, and connects to this server only."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'; connect-src 'self'; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def _handler(page: LivePage, token: str) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - a class in a function
    policy = content_policy(page.script)

    class WatchHandler(BaseHTTPRequestHandler):
        """Serves the page and its events to whoever has the token."""

        def do_GET(self) -> None:
            """Answer a request."""
            url = urlsplit(self.path)
            sent = parse_qs(url.query).get("token", [""])[0]
            host = (self.headers.get("Host") or "").rpartition(":")[0]
            if host not in (ADDRESS, "localhost") or not secrets.compare_digest(sent.encode(), token.encode()):
                self.send_error(HTTPStatus.FORBIDDEN, "the address needs the token that `raytune-suite watch` printed")
            elif url.path == "/":
                self._send("text/html; charset=utf-8", page.html().encode())
            elif url.path == "/events":
                self._stream()
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def _headers(self, kind: str) -> None:
            self.send_response(HTTPStatus.OK)
            for name, value in {
                "Content-Type": kind,
                "Content-Security-Policy": policy,
                "Cache-Control": "no-store",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            }.items():
                self.send_header(name, value)

        def _send(self, kind: str, content: bytes) -> None:
            self._headers(kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _stream(self) -> None:
            self._headers("text/event-stream")
            self.end_headers()
            version = 0
            try:
                while not page.stopped:
                    news = page.wait(version)
                    if news is None:
                        self.wfile.write(b": nothing new\n\n")
                    else:
                        version = news[0]
                        self.wfile.write(f"data: {news[1]}\n\n".encode())
                    self.wfile.flush()
            except OSError:
                return  # the browser has left

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
            """Do not log requests: their addresses have the token."""

    return WatchHandler
