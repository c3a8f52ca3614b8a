"""The data that others made: what each file is called here, where its authors publish it, and its checksum.

A dataset has parts, such as "arlbench/cc_cartpole_ppo"; a part is fetched whole and has one file or a few. Links name a
commit or a tag, so that what they give does not change. Where `sha256` is None we have never held the file: it is then
trusted on first use, see `checksums`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from raytune_suite.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, kw_only=True)
class File:
    """One file as its authors publish it.

    Attributes:
        path: Its path in the folder of the data, with "/".
        url: Where its authors publish it.
        size: Its bytes; None where we have never held it.
        sha256: Its checksum in hexadecimal digits; None where we have never held it.
    """

    path: str
    url: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is fetched together.

    Attributes:
        name: Such as "arlbench/cc_cartpole_ppo"; its first word is the dataset's name.
        files: Its files.
    """

    name: str
    files: tuple[File, ...]

    @property
    def verified(self) -> bool:
        """Whether the checksums of all files are known."""
        return all(file.sha256 is not None for file in self.files)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What some authors have published together.

    Attributes:
        name: What `raytune-suite data fetch` calls it.
        summary: One line that says what it holds.
        licence: Under which its authors publish it, as an SPDX identifier.
        source: Where one can read about it.
        parts: What can be fetched of it.
    """

    name: str
    summary: str
    licence: str
    source: str
    parts: tuple[Part, ...]


ARLBENCH_COMMIT = "61a4a3abc30266c5b80eae6cddafe8d296e258e7"
"""On the branch "experiments"."""

ARLBENCH: dict[str, tuple[int, str]] = {
    "box2d_lunar_lander_dqn": (3530609, "dc265ea34cfefdd073f101191aa15e6ef552380e4b8d216ab3cf321ed827ab59"),
    "brax_hopper_sac": (3321582, "1a5d2ba577ca012f5a9fa31f198997e7470ea31c860cf74081b926e736e4c041"),
    "cc_acrobot_dqn": (3478739, "9a2240e0167701b1e6d4b33d17d456724cf40adbdee9733444698c58cae15933"),
    "cc_cartpole_ppo": (4185332, "08d084e11c8f50b61ac65e0f2fda56f0219994d687629fa82f70135d58d630ab"),
    "cc_pendulum_sac": (3433229, "091186b848b7fca7efa80411424b7136db67b720fa7740de4759df5eb9cbeba7"),
    "minigrid_empty_random_ppo": (4186018, "39c703d053c0d998d393655ec938619783a1f1c97d00a08220b711204df69fd0"),
}
"""Bytes and checksum of each task's landscape."""

YAHPO_TAG = "v1.0.2"

YAHPO: dict[str, dict[str, tuple[int, str]]] = {
    "lcbench": {
        "config_space.json": (2151, "4d1c78a91429b4a37628e13f286cf1abe15f778a09722a4c01714f2d72a8200d"),
        "encoding.json": (507, "d8af928f412bbeb07e58ecd69877fcab35fbc595333d1c1c3f76120d2f2508da"),
        "model.onnx": (2153124, "b45c0d85ae39abf8820c8bea5ac82f415763afcbaf3b725e36af452b09cb6dcd"),
    },
}
"""Bytes and checksum of each scenario's files."""

TASKSET_COMMIT = "d4d9d2dadb716ff9c46f7a4774cbc3ef985762b6"

TASKSET: dict[str, tuple[int, str]] = {
    "FixedTextRNNClassification_imdb_patch128_LSTM128_bs64": (
        3176320,
        "c52d49dfb308cfca66c02f67f89aa880ccb9f04c38ace31e18db1e58898e8c03",
    ),
    "FixedTextRNNClassification_imdb_patch32_GRU128_bs128": (
        3359039,
        "3f72bcc5688c429e8b204029afa8a115a1233d304808efbc6290fcc6d530551c",
    ),
}
"""Bytes and checksum of each task's curves."""

GITHUB = "https://raw.githubusercontent.com"


def arlbench() -> Dataset:
    """The landscapes of ARLBench, one file for each task."""
    url = f"{GITHUB}/automl/arlbench/{ARLBENCH_COMMIT}/results_combined/sobol"
    return Dataset(
        name="arlbench",
        summary="ARLBench: returns of reinforcement learning, 256 configs x 10 fidelities x 10 seeds for each task",
        licence="BSD-3-Clause",
        source="https://github.com/automl/arlbench",
        parts=tuple(
            Part(
                name=f"arlbench/{task}",
                files=(File(path=f"arlbench/{task}.csv", url=f"{url}/{task}.csv", size=size, sha256=sha256),),
            )
            for task, (size, sha256) in ARLBENCH.items()
        ),
    )


def yahpo() -> Dataset:
    """The surrogates of YAHPO Gym, three files for each scenario."""
    url = f"{GITHUB}/slds-lmu/yahpo_data/{YAHPO_TAG}"
    return Dataset(
        name="yahpo",
        summary="YAHPO Gym: surrogates of tuning problems, a neural network for each scenario",
        licence="Apache-2.0",
        source="https://github.com/slds-lmu/yahpo_data",
        parts=tuple(
            Part(
                name=f"yahpo/{scenario}",
                files=tuple(
                    File(path=f"yahpo/{scenario}/{name}", url=f"{url}/{scenario}/{name}", size=size, sha256=sha256)
                    for name, (size, sha256) in files.items()
                ),
            )
            for scenario, files in YAHPO.items()
        ),
    )


def taskset() -> Dataset:
    """TaskSet's RNN text classification as DPL publishes it, one file for each task."""
    url = f"{GITHUB}/machinelearningnuremberg/DPL/{TASKSET_COMMIT}/data/taskset"
    return Dataset(
        name="taskset",
        summary="TaskSet: losses of RNN text classification, 1000 configs of Adam x 51 reports for each task",
        licence="Apache-2.0",
        source="https://github.com/machinelearningnuremberg/DPL",
        parts=tuple(
            Part(
                name=f"taskset/{task}",
                files=(File(path=f"taskset/{task}.json", url=f"{url}/{task}.json", size=size, sha256=sha256),),
            )
            for task, (size, sha256) in TASKSET.items()
        ),
    )


@cache
def datasets() -> dict[str, Dataset]:
    """Every dataset by its name."""
    return {dataset.name: dataset for dataset in (arlbench(), yahpo(), taskset())}


@cache
def parts() -> dict[str, Part]:
    """Every part by its name."""
    return {part.name: part for dataset in datasets().values() for part in dataset.parts}


@cache
def _places() -> dict[str, tuple[Part, File]]:
    return {file.path: (part, file) for part in parts().values() for file in part.files}


def find(path: str) -> tuple[Part, File]:
    """The part and the file that lie at this path of the folder.

    Raises:
        UnknownNameError: If the catalogue has none.
    """
    if path not in _places():
        raise UnknownNameError("data file", path, _places())
    return _places()[path]


def select(names: Iterable[str]) -> tuple[Part, ...]:
    """The parts that these names mean, each once: a dataset, a part, or "all", the parts whose checksums are known.

    Raises:
        UnknownNameError: If a name is none of these.
    """
    chosen: dict[str, Part] = {}
    for name in names:
        if name == "all":
            some = [part for part in parts().values() if part.verified]
        elif name in datasets():
            some = list(datasets()[name].parts)
        elif name in parts():
            some = [parts()[name]]
        else:
            raise UnknownNameError("data", name, ["all", *datasets(), *parts()])
        chosen |= {part.name: part for part in some}
    return tuple(chosen.values())
