"""Requests to the REST interfaces of clouds that only read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode

from raytune_suite.cluster.checks.api_schema import PLACEHOLDER
from raytune_suite.cluster.checks.findings import finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from raytune_suite.cluster.checks.findings import Finding
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

TIMEOUT_S = 30.0
"""The most seconds to wait for an answer."""

UNAUTHENTICATED, FORBIDDEN, NOT_FOUND = 401, 403, 404
"""Statuses of HTTP."""


class NotAskedError(Exception):
    """A provider cannot be asked.

    Attributes:
        remedy: What to do.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


class Answer(NamedTuple):
    """The answer to a request.

    Attributes:
        value: What was asked for; empty if there was an error.
        status: The status of HTTP.
        message: The message of the error, "" if there was none.
    """

    value: dict[str, Any]
    status: int
    message: str

    @property
    def failed(self) -> bool:
        """Whether it is an error."""
        return bool(self.message)


class RestClient:
    """Reads from the REST interface of a cloud.

    Args:
        root: The address that all paths begin with.
        token: Returns the access token; called with the first request.
    """

    def __init__(self, root: str, token: Callable[[], str]) -> None:
        self.root, self._token = root.rstrip("/"), token
        self._header: dict[str, str] = {}

    def get(self, path: str, **parameters: str) -> Answer:
        """Return the answer to a request for a path.

        Raises:
            NotAskedError: If there are no credentials, or the cloud cannot be reached.
        """
        from urllib.request import Request, urlopen  # only here, because it imports ssl

        if not self._header:
            self._header = {"Authorization": f"Bearer {self._token()}"}
        query = f"?{urlencode(parameters)}" if parameters else ""
        request = Request(f"{self.root}/{quote(path)}{query}", headers=self._header)  # noqa: S310 - `root` is https
        try:
            with urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - as above
                return Answer(json.load(response), response.status, "")
        except HTTPError as error:
            message = message_of(error)
            if error.code == UNAUTHENTICATED:
                raise NotAskedError(f"the credentials are rejected: {message}", "log in again") from error
            return Answer({}, error.code, message)
        except (URLError, TimeoutError, ValueError) as error:
            host = self.root.partition("//")[2]
            raise NotAskedError(f"{host} does not answer: {error}", "connect to the network") from error


def message_of(error: HTTPError) -> str:
    """Return the message in the body of an error, as Google Cloud and Azure write it."""
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def refused(document: ClusterDocument, where: KeyPath, answer: Answer, what: str, remedy: str) -> Finding:
    """Return a finding about an error: what does not exist, or a warning that asking is not allowed.

    Args:
        document: The file.
        where: The value that was asked about.
        answer: The answer.
        what: What the value names.
        remedy: What to do if it does not exist.
    """
    if answer.status == NOT_FOUND:
        return finding(document, "RTS921", where, f"{what} does not exist: {answer.message}", remedy)
    reason = f"{what} could not be looked up: {answer.message}"
    if answer.status == FORBIDDEN:
        return finding(document, "RTS922", where, reason, "use credentials that may read it")
    return finding(document, "RTS922", where, reason, "try again later")


def filled_in(value: Any) -> bool:
    """Return whether a value is a text without placeholders."""
    return isinstance(value, str) and bool(value) and PLACEHOLDER.search(value) is None


def quota(  # noqa: PLR0917 - as a finding is written
    document: ClusterDocument, where: KeyPath, name: str, free: float, each: float, machines: int
) -> Finding | None:
    """Return a finding if a quota is too small for one machine of a pool, or for all; None if it suffices.

    Args:
        document: The file.
        where: The value that the finding is about.
        name: The name of the quota.
        free: How much of it is left.
        each: How much each machine takes.
        machines: The most machines.
    """
    if free < each:
        reason = f"{free:g} of the quota {name!r} are left, but each machine takes {each:g}"
        return finding(document, "RTS923", where, reason, "request an increase", severity="error")
    if free < each * machines:
        reason = f"{free:g} of the quota {name!r} are left, but {machines} machines take {each * machines:g}"
        remedy = f"request an increase, or expect at most {int(free // each)} machines"
        return finding(document, "RTS923", where, reason, remedy)
    return None
