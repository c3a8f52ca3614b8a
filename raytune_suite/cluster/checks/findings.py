"""The kinds of mistakes in a cluster file, each with a code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

Severity = Literal["error", "warning"]

CODES: dict[str, tuple[Severity, str]] = {
    # the file
    "RTS101": ("error", "violates the schema of Ray or KubeRay"),
    "RTS102": ("error", "duplicate key"),
    "RTS103": ("error", "unknown key"),
    "RTS104": ("error", "unknown provider"),
    "RTS105": ("error", "rejected by Ray's own validation"),
    "RTS106": ("warning", "placeholder without a value"),
    "RTS108": ("error", "unknown kind of manifest"),
    "RTS110": ("warning", "text that YAML reads as a number"),
    # node types
    "RTS201": ("error", "minimum of workers above their maximum"),
    "RTS202": ("error", "pool that can never have workers"),
    "RTS203": ("warning", "pool that cannot grow to its own limit"),
    "RTS204": ("warning", "trials would run on the head"),
    "RTS205": ("error", "head that may be reclaimed"),
    "RTS206": ("error", "unknown instance type"),
    "RTS207": ("warning", "instance type that cannot be checked"),
    "RTS208": ("error", "number of GPUs differs from the machine's"),
    "RTS209": ("error", "more CPUs than the machine has"),
    "RTS210": ("error", "misspelled resource"),
    "RTS211": ("warning", "no pool with GPUs"),
    "RTS212": ("warning", "idle machines are removed too early or too late"),
    "RTS213": ("warning", "hosts that stay idle"),
    "RTS214": ("error", "more memory than the machine has"),
    "RTS215": ("warning", "machine that is too small for Ray"),
    # versions and setup
    "RTS301": ("error", "Ray version differs from the local one"),
    "RTS302": ("warning", "Python version differs from the local one"),
    "RTS303": ("error", "image without CUDA in a pool with GPUs"),
    "RTS304": ("warning", "image that is not pinned"),
    "RTS305": ("error", "Ray is not installed in a pinned version"),
    "RTS306": ("warning", "raytune-suite is not installed on the nodes"),
    "RTS307": ("error", "folder to copy does not exist"),
    "RTS308": ("warning", "machine image from 2022"),
    "RTS309": ("error", "Python version that raytune-suite does not support"),
    "RTS310": ("error", "folder to copy lacks files that are installed from it"),
    "RTS311": ("warning", "relative path as the target of a copy"),
    # starting Ray
    "RTS401": ("error", "head that would not start workers"),
    "RTS402": ("error", "workers that would not find the head"),
    "RTS403": ("warning", "old Ray process keeps running"),
    "RTS404": ("warning", "lost machine is detected late"),
    "RTS410": ("error", "option that `ray start` does not have, or with a wrong value"),
    "RTS411": ("error", "ports that do not match"),
    # commands
    "RTS412": ("error", "command that does not end"),
    "RTS413": ("error", "command that waits for an answer"),
    "RTS414": ("error", "redirection without the rights of `sudo`"),
    "RTS415": ("error", "command that the shell cannot read"),
    "RTS416": ("warning", "setting that is lost at the end of its command"),
    "RTS417": ("error", "variable without a value"),
    "RTS418": ("warning", "command that fails when it is run again"),
    # storage
    "RTS501": ("warning", "no storage that all nodes share"),
    "RTS502": ("error", "workers cannot access the study's storage"),
    "RTS503": ("error", "storage that nodes or containers do not see"),
    # access
    "RTS601": ("error", "incomplete login settings"),
    "RTS602": ("warning", "ssh key does not exist on this machine"),
    "RTS603": ("warning", "ssh is open to the world"),
    "RTS604": ("warning", "nodes have full access to EC2 and S3"),
    "RTS605": ("error", "invalid addresses"),
    "RTS606": ("error", "zone outside its region"),
    "RTS607": ("error", "missing project, resource group or region"),
    "RTS609": ("error", "name that the provider rejects"),
    # who can run code
    "RTS611": ("warning", "no token is required"),
    "RTS612": ("error", "nodes that do not use the token"),
    "RTS613": ("error", "token that does not reach the nodes"),
    "RTS614": ("warning", "secret written in the file"),
    "RTS615": ("error", "ports through which anyone can run code"),
    # the study
    "RTS701": ("error", "no pool can place a trial"),
    "RTS702": ("warning", "GPUs stay idle for lack of CPUs"),
    "RTS703": ("warning", "more concurrent trials than fit"),
    "RTS704": ("error", "number of GPUs per trial that Ray rejects"),
    # KubeRay
    "RTS801": ("error", "worker group without GPUs"),
    "RTS802": ("error", "pods that both Kubernetes and Ray restart"),
    "RTS803": ("warning", "no autoscaling"),
    "RTS804": ("warning", "cluster that does not survive a restart of its head"),
    "RTS805": ("warning", "pods that GPU nodes may reject"),
    "RTS806": ("error", "cluster without workers"),
    "RTS807": ("error", "missing, invalid or duplicate group name"),
    "RTS811": ("error", "rejected by KubeRay's operator"),
    "RTS812": ("error", "resources that Kubernetes rejects"),
    "RTS813": ("error", "volume, mount or name that does not exist"),
    "RTS814": ("error", "storage that the pods cannot share or write"),
    "RTS815": ("error", "shared memory beyond the pod's memory"),
    "RTS816": ("error", "name that Kubernetes rejects"),
    "RTS817": ("error", "unknown value of a Kubernetes setting"),
    "RTS818": ("error", "Ray would offer more than the pod has"),
    "RTS819": ("error", "images that do not work together"),
    "RTS820": ("error", "text inside a manifest that Ray rejects"),
    "RTS821": ("warning", "time that is too short for pods to start"),
    "RTS822": ("warning", "time to stop that pods do not have"),
    "RTS823": ("error", "job that ends before its study"),
    "RTS824": ("warning", "job that succeeds although its study fails"),
    # Slurm
    "RTS840": ("error", "directive that Slurm does not read"),
    "RTS841": ("error", "unknown option of sbatch"),
    "RTS842": ("error", "value that sbatch rejects"),
    "RTS843": ("error", "variable that Slurm does not set"),
    "RTS844": ("error", "Ray would offer other resources than the job has"),
    "RTS845": ("error", "Ray would not start, or end early, on some nodes"),
    "RTS846": ("warning", "port that collides with other jobs"),
    # the requests that Ray sends to a cloud
    "RTS901": ("error", "value of the wrong type"),
    "RTS902": ("error", "value that the cloud does not support or allow"),
    "RTS903": ("error", "missing setting"),
    "RTS904": ("error", "setting in the wrong place"),
    "RTS905": ("error", "settings that exclude or need each other"),
    "RTS906": ("error", "unknown region or zone"),
    "RTS907": ("error", "image that does not fit the machine or the login"),
    "RTS908": ("error", "GPU settings that contradict the machine"),
    "RTS909": ("error", "invalid identifier"),
    "RTS910": ("error", "resource in another region or zone than the nodes"),
    "RTS911": ("warning", "root disk that is too small or not kept"),
    "RTS912": ("warning", "service that the nodes may not use"),
    # answers of the cloud (`--online`)
    "RTS921": ("error", "rejected by the cloud"),
    "RTS922": ("warning", "cloud that could not be asked"),
    "RTS923": ("warning", "quota that is too small"),
}
"""The default severity and the title of each code."""


@dataclass(frozen=True, order=True)
class Finding:
    """A mistake in a file.

    Attributes:
        line: Its line, counted from 1.
        code: Its kind, a key of `CODES`.
        where: The dotted path of the value.
        reason: What is wrong, with the value.
        remedy: What to do.
        severity: "error" if the cluster would fail, "warning" if it would only be worse.
    """

    line: int
    code: str
    where: str
    reason: str
    remedy: str
    severity: Severity


def finding(
    document: ClusterDocument, code: str, where: KeyPath, reason: str, remedy: str, *, severity: Severity | None = None
) -> Finding:
    """Return a finding at a key path of a document; `severity` overrides the default of its code."""
    place = ".".join(map(str, where))
    return Finding(document.line(where), code, place, reason, remedy, severity or CODES[code][0])
