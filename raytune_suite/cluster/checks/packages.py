"""Check that commands install packages that PyPI has under these names, and those that were meant.

Many names of modules (`cv2`, `yaml`) and of products (`azure`, `pytorch`) are not those of packages: they are missing,
belong to somebody else, or fail on purpose when they are installed. Only the last are errors. The list was written from
memory in 2026-11, without PyPI.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from raytune_suite.cluster.checks.findings import Finding, finding
from raytune_suite.cluster.shell import simple_commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raytune_suite.cluster.checks.findings import Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

FAILS = "fails on purpose when it is installed"
GONE = "is abandoned and cannot be installed with a current Python"
MODULE = "is the name of a module, not of its package on PyPI"
OTHER = "is not on PyPI, or another project there than the one that is usually meant"
STANDARD = "is part of Python, and the old package of this name breaks it"
OLD = "is no longer maintained"

WRONG: dict[str, tuple[str, str]] = {
    **{
        name: (FAILS, instead)
        for name, instead in {
            "sklearn": "scikit-learn",
            "skimage": "scikit-image",
            "azure": "azure-identity and the other parts that you need",
            "google-cloud": "google-cloud-storage, or the other parts that you need",
            "pytorch": "torch",
            "tensorflow-gpu": "tensorflow[and-cuda]",
            "tf-nightly-gpu": "tf-nightly[and-cuda]",
        }.items()
    },
    **{
        name: (GONE, instead)
        for name, instead in {
            "beautifulsoup": "beautifulsoup4",
            "pil": "pillow",
            "dotenv": "python-dotenv",
            "mysql-python": "mysqlclient",
            "pycrypto": "pycryptodome",
            "faiss": "faiss-cpu",
        }.items()
    },
    **{
        name: (MODULE, instead)
        for name, instead in {
            "cv2": "opencv-python-headless",
            "opencv": "opencv-python-headless",
            "yaml": "pyyaml",
            "dateutil": "python-dateutil",
            "bayes-opt": "bayesian-optimization",
            "skopt": "scikit-optimize",
            "raytune": "'ray[tune]'",
            "ray-tune": "'ray[tune]'",
            "ray-default": "'ray[default]'",
            "usb": "pyusb",
            "serial": "pyserial",
            "magic": "python-magic",
            "jwt": "pyjwt",
            "git": "gitpython",
            "umap": "umap-learn",
            "attr": "attrs",
        }.items()
    },
    **{
        name: (OTHER, instead)
        for name, instead in {
            "tune": "'ray[tune]'",
            "apex": "torch.amp, or apex from NVIDIA's repository",
            "torch-cuda": "torch, with --index-url of the CUDA version",
            "pytorch-cuda": "torch, with --index-url of the CUDA version",
            "torch-nightly": "torch with --pre and --index-url",
            "ray-nightly": "the URL of a nightly wheel from Ray's documentation",
            "ray-ml": "ray",
            "cudatoolkit": "torch, which includes its CUDA libraries, or conda",
            "cudnn": "nvidia-cudnn-cu12",
            "cuda": "torch, which includes its CUDA libraries, or cuda-python",
            "nvidia-smi": "the driver in the machine's image",
            "nccl": "nvidia-nccl-cu12",
        }.items()
    },
    **dict.fromkeys(
        ("argparse", "asyncio", "dataclasses", "enum34", "functools32", "futures", "pathlib", "typing", "uuid"),
        (STANDARD, "nothing: remove it"),
    ),
    **{
        name: (OLD, instead)
        for name, instead in {
            "boto": "boto3",
            "nose": "pytest",
            "gpyopt": "botorch",
            "mxnet": "torch",
            "nvidia-ml-py3": "nvidia-ml-py",
            "gym": "gymnasium",
            "faiss-gpu": "faiss-gpu-cu12",
            "pytorch-pretrained-bert": "transformers",
            "pytorch-transformers": "transformers",
            "scikits-learn": "scikit-learn",
            "tensorflow-addons": "keras",
            "google-cloud-ml": "google-cloud-aiplatform",
            "fairscale": "torch",
        }.items()
    },
}
"""Names that are wrong in an installation, with what is wrong and what to install instead."""

LAST_GOOD = {"azure": 4, "google-cloud": 0, "mxnet": 1, "gym": 0}
"""The newest major version that can be installed, of packages whose pinned old versions may be meant."""

WITH_VALUE = (
    *("-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links"),
    *("-e", "--editable", "-t", "--target", "--prefix", "--root", "--only-binary", "--no-binary", "--python"),
    *("--python-version", "--platform", "--abi", "--implementation", "--upgrade-strategy", "--proxy", "--timeout"),
    *("--retries", "--trusted-host", "--cache-dir", "--log", "--config-settings", "-C", "--group", "--extra"),
    *("--progress-bar", "--report", "--cert", "-p", "--index", "--default-index", "--torch-backend"),
)
"""Options of pip and uv that are followed by a value."""

REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*?)\s*(?:\[[^\]]*\])?\s*(?:([<>=!~]=?=?)\s*(\d+)[^;]*)?(?:;.*)?$")
KEYS = (
    *("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands"),
    *("head_start_ray_commands", "worker_start_ray_commands"),
)


class PackageProblem(NamedTuple):
    """What is wrong with a package, what to do, and how severe it is."""

    reason: str
    remedy: str
    severity: Severity


def problem_of(requirement: str) -> PackageProblem | None:
    """Return what is wrong with a requirement of pip, None if nothing is known.

    Example:
        >>> problem_of("sklearn==1.5").remedy, problem_of("scikit-learn"), problem_of("azure==4.0.0")
        ('write scikit-learn', None, None)
    """
    match = REQUIREMENT.fullmatch(requirement.strip())
    name = "" if match is None else re.sub(r"[-_.]+", "-", match[1]).lower()
    if match is None or name not in WRONG:
        return None
    what, instead = WRONG[name]
    last = LAST_GOOD.get(name)
    if last is not None and match[3] and int(match[3]) <= last and match[2] not in (">", ">=", "!="):
        return None
    remedy = "remove it" if instead.startswith("nothing") else f"write {instead}"
    return PackageProblem(f"{match[1]} {what}", remedy, "error" if what == FAILS else "warning")


def installed(words: Sequence[str]) -> list[str]:
    """Return the requirements in a command of pip or uv.

    Example:
        >>> installed(("python", "-m", "pip", "install", "-q", "-c", "constraints.txt", "ray[tune]==2.60.0", "."))
        ['ray[tune]==2.60.0', '.']
        >>> installed(("uv", "pip", "install", "sklearn")), installed(("conda", "install", "pytorch"))
        (['sklearn'], [])
    """
    program = words[0].rpartition("/")[2] if words else ""
    at = next((index for index, word in enumerate(words[:6]) if word in ("install", "add")), None)
    by_pip = re.fullmatch(r"pip[\d.]*|uv", program) or (program.startswith("python") and "pip" in words[1:5])
    if at is None or not by_pip or (program != "uv" and words[at] == "add"):
        return []
    result, rest = [], list(words[at + 1 :])
    while rest:
        word = rest.pop(0)
        if word in WITH_VALUE:
            rest = rest[1:]
        elif not word.startswith("-"):
            result.append(word)
    return result


def in_text(text: str) -> Iterator[tuple[int, PackageProblem]]:
    """Yield the line, counted from 0, and the problem of each wrong package that a shell text installs."""
    for part in simple_commands(text):
        own_index = any(word.startswith(("-i", "--index-url", "--default-index")) for word in part.words)
        for requirement in installed(part.words):
            problem = None if own_index and "pytorch.org" not in " ".join(part.words) else problem_of(requirement)
            if problem is not None:
                yield part.line, problem


def check(document: ClusterDocument) -> Iterator[Finding]:
    """Yield wrong packages in the commands of a file for `ray up`."""
    places: list[KeyPath] = [(key,) for key in KEYS]
    for name in document.mapping("available_node_types"):
        places += [("available_node_types", name, key) for key in KEYS[:4]]
    for place in places:
        for index, text in enumerate(document.strings(*place)):
            for _, problem in in_text(text):
                yield at_key(document, (*place, index), problem)


def listed(document: ClusterDocument, where: KeyPath, requirements: object) -> Iterator[Finding]:
    """Yield wrong packages in a list of requirements, such as that of a runtime environment."""
    for one in requirements if isinstance(requirements, list) else ():
        problem = problem_of(one) if isinstance(one, str) else None
        if problem is not None:
            yield at_key(document, where, problem)


def script(text: str) -> Iterator[Finding]:
    """Yield wrong packages in the commands of a batch script."""
    for line, problem in in_text(text):
        yield Finding(line + 1, "RTS305", "script", problem.reason, problem.remedy, problem.severity)


def at_key(document: ClusterDocument, where: KeyPath, problem: PackageProblem) -> Finding:
    """Return a finding about a package at a key path."""
    return finding(document, "RTS305", where, problem.reason, problem.remedy, severity=problem.severity)
