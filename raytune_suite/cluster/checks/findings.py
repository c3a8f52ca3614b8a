"""What can be wrong with a cluster file: one code for each kind of mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from raytune_suite.cluster.document import Document, Where

Severity = Literal["error", "warning"]

CODES: dict[str, tuple[Severity, str]] = {
    # the file
    "RTS101": ("error", "Ray's schema, or KubeRay's, refuses it"),
    "RTS102": ("error", "a key is given twice"),
    "RTS103": ("error", "a key that nobody reads"),
    "RTS104": ("error", "a provider that Ray does not have"),
    "RTS105": ("error", "Ray's own validation refuses it"),
    "RTS106": ("warning", "a value of yours is still missing"),
    # node types
    "RTS201": ("error", "more workers at least than at most"),
    "RTS202": ("error", "a pool that nobody can scale to"),
    "RTS203": ("warning", "a pool that cannot grow to its own limit"),
    "RTS204": ("error", "trials would run on the head"),
    "RTS205": ("error", "the head may be reclaimed"),
    "RTS206": ("error", "no such machine"),
    "RTS207": ("warning", "a machine that cannot be checked"),
    "RTS208": ("error", "more or fewer GPUs than the machine has"),
    "RTS209": ("error", "more CPUs than the machine has"),
    "RTS210": ("error", "a misspelt resource"),
    "RTS211": ("warning", "no pool has GPUs"),
    "RTS212": ("warning", "idle machines go at once, or never"),
    "RTS213": ("warning", "hosts that stay idle"),
    # versions and set-up
    "RTS301": ("error", "another version of Ray than here"),
    "RTS302": ("warning", "another version of Python than here"),
    "RTS303": ("error", "a pool with GPUs runs an image without CUDA"),
    "RTS304": ("warning", "an image that is not pinned"),
    "RTS305": ("error", "nothing installs a pinned Ray"),
    "RTS306": ("warning", "nothing installs raytune-suite on the nodes"),
    "RTS307": ("error", "a folder to copy does not exist"),
    "RTS308": ("warning", "a machine image from 2022"),
    "RTS309": ("error", "a Python that raytune-suite does not run on"),
    "RTS310": ("error", "a folder to copy lacks what is installed from it"),
    # starting Ray
    "RTS401": ("error", "the head would not start workers"),
    "RTS402": ("error", "workers would not find the head"),
    "RTS403": ("warning", "an old Ray process would stay"),
    "RTS404": ("warning", "a lost machine is noticed late"),
    # storage
    "RTS501": ("warning", "no storage that all nodes share"),
    "RTS502": ("error", "workers cannot reach the study's storage"),
    # access
    "RTS601": ("error", "no way to log in"),
    "RTS602": ("warning", "an ssh key that is not on this machine"),
    "RTS603": ("warning", "ssh is open to the world"),
    "RTS604": ("warning", "the nodes may do anything with your EC2 and S3"),
    "RTS605": ("error", "addresses that cannot be right"),
    "RTS606": ("error", "a zone outside its region"),
    "RTS607": ("error", "no project, or no region"),
    "RTS608": ("error", "an unknown kind of market"),
    # the study
    "RTS701": ("error", "no pool can place a trial"),
    "RTS702": ("warning", "GPUs stay idle for want of CPUs"),
    "RTS703": ("warning", "more trials at once than fit"),
    "RTS704": ("error", "GPUs of a trial that Ray refuses"),
    # KubeRay
    "RTS801": ("error", "a worker group without GPUs"),
    "RTS802": ("error", "pods that Kubernetes and Ray would both restart"),
    "RTS803": ("warning", "no autoscaling"),
    "RTS804": ("warning", "the cluster dies with its head"),
    "RTS805": ("warning", "GPU nodes may refuse the pods"),
    "RTS806": ("error", "a cluster without workers"),
    "RTS807": ("error", "a group without a name of its own"),
}
"""How bad each kind is where nothing makes it less so, and its title."""


@dataclass(frozen=True, order=True)
class Finding:
    """One mistake.

    Attributes:
        line: Where, counted from 1.
        code: Which kind, a key of `CODES`.
        where: The way to the value, with dots.
        reason: What is wrong, with the value.
        remedy: What to do.
        severity: Whether a cluster would fail for it ("error"), or only be worse ("warning").
    """

    line: int
    code: str
    where: str
    reason: str
    remedy: str
    severity: Severity


def finding(
    document: Document, code: str, where: Where, reason: str, remedy: str, *, severity: Severity | None = None
) -> Finding:
    """A finding at a place of a document, as bad as its kind is unless a severity is given."""
    place = ".".join(map(str, where))
    return Finding(document.line(where), code, place, reason, remedy, severity or CODES[code][0])
