"""The data that others made: what each file is called here, where its authors publish it, and its checksum.

A dataset has parts, such as "arlbench/cc_cartpole_ppo"; a part is fetched whole and has one file or a few.

A file that we have held has its bytes and checksum here, and a link that names a commit or a tag. The others, whose
`sha256` is None, are trusted on first use: what comes at first is believed, and its checksum written into the folder's
checksums.json. So later changes are noticed, but not an error in that first download.
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
        member: Where the link gives a zip archive, the name in it of the file.
    """

    path: str
    url: str
    size: int | None = None
    sha256: str | None = None
    member: str | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetPart:
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
    parts: tuple[DatasetPart, ...]


GITHUB = "https://raw.githubusercontent.com"

Known = tuple[int, str]
"""Bytes and checksum."""

ARLBENCH_COMMIT, ARLBENCH_BRANCH = "61a4a3abc30266c5b80eae6cddafe8d296e258e7", "experiments"
"""Where the landscapes that we have held are, and where all are."""

ARLBENCH: dict[str, Known] = {
    "box2d_lunar_lander_dqn": (3530609, "dc265ea34cfefdd073f101191aa15e6ef552380e4b8d216ab3cf321ed827ab59"),
    "brax_hopper_sac": (3321582, "1a5d2ba577ca012f5a9fa31f198997e7470ea31c860cf74081b926e736e4c041"),
    "cc_acrobot_dqn": (3478739, "9a2240e0167701b1e6d4b33d17d456724cf40adbdee9733444698c58cae15933"),
    "cc_cartpole_ppo": (4185332, "08d084e11c8f50b61ac65e0f2fda56f0219994d687629fa82f70135d58d630ab"),
    "cc_pendulum_sac": (3433229, "091186b848b7fca7efa80411424b7136db67b720fa7740de4759df5eb9cbeba7"),
    "minigrid_empty_random_ppo": (4186018, "39c703d053c0d998d393655ec938619783a1f1c97d00a08220b711204df69fd0"),
}
MORE_ARLBENCH = (
    *("atari_battle_zone_dqn", "atari_battle_zone_ppo", "atari_double_dunk_dqn", "atari_double_dunk_ppo"),
    *("atari_phoenix_dqn", "atari_phoenix_ppo", "atari_qbert_dqn", "atari_qbert_ppo", "atari_this_game_dqn"),
    *("atari_this_game_ppo", "box2d_bipedal_walker_ppo", "box2d_bipedal_walker_sac"),
    *("box2d_continuous_lunar_lander_sac", "brax_ant_sac", "brax_halfcheetah_ppo", "brax_halfcheetah_sac"),
    *("brax_hopper_ppo", "brax_humanoid_sac", "cc_cartpole_dqn", "cc_continuous_mountain_car_ppo"),
    *("cc_continuous_mountain_car_sac", "cc_mountain_car_dqn", "cc_mountain_car_ppo", "cc_pendulum_ppo"),
    *("minigrid_door_key_dqn", "minigrid_door_key_ppo", "minigrid_empty_random_dqn", "minigrid_four_rooms_dqn"),
    *("minigrid_four_rooms_ppo", "minigrid_unlock_dqn", "minigrid_unlock_ppo"),
)

YAHPO_TAG = "v1.0.2"

YAHPO: dict[str, Known] = {
    "lcbench/config_space.json": (2151, "4d1c78a91429b4a37628e13f286cf1abe15f778a09722a4c01714f2d72a8200d"),
    "lcbench/encoding.json": (507, "d8af928f412bbeb07e58ecd69877fcab35fbc595333d1c1c3f76120d2f2508da"),
    "lcbench/model.onnx": (2153124, "b45c0d85ae39abf8820c8bea5ac82f415763afcbaf3b725e36af452b09cb6dcd"),
}
YAHPO_SCENARIOS = (
    "lcbench",
    *("rbv2_svm", "rbv2_glmnet", "rbv2_rpart", "rbv2_ranger", "rbv2_aknn", "rbv2_xgboost", "rbv2_super"),
    *("iaml_ranger", "iaml_rpart", "iaml_glmnet", "iaml_xgboost", "iaml_super"),
)
YAHPO_FILES = ("config_space.json", "encoding.json", "model.onnx")

TASKSET_COMMIT = "d4d9d2dadb716ff9c46f7a4774cbc3ef985762b6"

TASKSET_PREFIX = "FixedTextRNNClassification_imdb_"

TASKSET: dict[str, Known] = {
    "patch128_LSTM128_bs64": (3176320, "c52d49dfb308cfca66c02f67f89aa880ccb9f04c38ace31e18db1e58898e8c03"),
    "patch32_GRU128_bs128": (3359039, "3f72bcc5688c429e8b204029afa8a115a1233d304808efbc6290fcc6d530551c"),
}
MORE_TASKSET = (
    *("patch128_LSTM128_avg_bs64", "patch128_LSTM128_embed128_bs64", "patch32_GRU64_avg_bs128"),
    *("patch32_IRNN64_relu_avg_bs128", "patch32_IRNN64_relu_last_bs128", "patch32_LSTM128_E128_bs128"),
    *("patch32_LSTM128_bs128", "patch32_VRNN128_tanh_bs128", "patch32_VRNN64_relu_avg_bs128"),
    "patch32_VRNN64_tanh_avg_bs128",
)


def file(path: str, url: str, known: Known | None, member: str | None = None) -> File:
    """A file, with its bytes and checksum where they are known."""
    size, sha256 = (None, None) if known is None else known
    return File(path=path, url=url, size=size, sha256=sha256, member=member)


def arlbench() -> Dataset:
    """The landscapes of ARLBench, one file for each task."""

    def part(task: str) -> DatasetPart:
        ref = ARLBENCH_COMMIT if task in ARLBENCH else ARLBENCH_BRANCH
        url = f"{GITHUB}/automl/arlbench/{ref}/results_combined/sobol/{task}.csv"
        return DatasetPart(name=f"arlbench/{task}", files=(file(f"arlbench/{task}.csv", url, ARLBENCH.get(task)),))

    return Dataset(
        name="arlbench",
        summary="ARLBench: returns of reinforcement learning, 256 configs x 10 fidelities x 10 seeds for each task",
        licence="BSD-3-Clause",
        source="https://github.com/automl/arlbench",
        parts=tuple(part(task) for task in (*ARLBENCH, *MORE_ARLBENCH)),
    )


def yahpo() -> Dataset:
    """The surrogates of YAHPO Gym, three files for each scenario."""

    def part(scenario: str) -> DatasetPart:
        paths = [f"{scenario}/{name}" for name in YAHPO_FILES]
        url = f"{GITHUB}/slds-lmu/yahpo_data/{YAHPO_TAG}"
        files = tuple(file(f"yahpo/{path}", f"{url}/{path}", YAHPO.get(path)) for path in paths)
        return DatasetPart(name=f"yahpo/{scenario}", files=files)

    return Dataset(
        name="yahpo",
        summary="YAHPO Gym: surrogates of tuning problems, a neural network for each scenario",
        licence="Apache-2.0",
        source="https://github.com/slds-lmu/yahpo_data",
        parts=tuple(part(scenario) for scenario in YAHPO_SCENARIOS),
    )


def taskset() -> Dataset:
    """TaskSet's RNN text classification as DPL publishes it, one file for each task."""

    def part(short: str) -> DatasetPart:
        task = TASKSET_PREFIX + short
        url = f"{GITHUB}/machinelearningnuremberg/DPL/{TASKSET_COMMIT}/data/taskset/{task}.json"
        return DatasetPart(name=f"taskset/{task}", files=(file(f"taskset/{task}.json", url, TASKSET.get(short)),))

    return Dataset(
        name="taskset",
        summary="TaskSet: losses of RNN text classification, 1000 configs of Adam x 51 reports for each task",
        licence="Apache-2.0",
        source="https://github.com/machinelearningnuremberg/DPL",
        parts=tuple(part(short) for short in (*TASKSET, *MORE_TASKSET)),
    )


def lcbench() -> Dataset:
    """LCBench's own learning curves, one file for all tasks."""
    url = "https://figshare.com/ndownloader/files/21188607"
    return Dataset(
        name="lcbench",
        summary="LCBench: learning curves of small networks, 2000 configs x 52 epochs on each of 35 data sets",
        licence="Apache-2.0",
        source="https://github.com/automl/LCBench",
        parts=(
            DatasetPart(
                name="lcbench/data_2k", files=(file("lcbench/data_2k.json", url, None, member="data_2k.json"),)
            ),
        ),
    )


@cache
def datasets() -> dict[str, Dataset]:
    """Every dataset by its name."""
    return {dataset.name: dataset for dataset in (arlbench(), yahpo(), taskset(), lcbench())}


@cache
def parts() -> dict[str, DatasetPart]:
    """Every part by its name."""
    return {part.name: part for dataset in datasets().values() for part in dataset.parts}


@cache
def _places() -> dict[str, tuple[DatasetPart, File]]:
    return {file.path: (part, file) for part in parts().values() for file in part.files}


def find(path: str) -> tuple[DatasetPart, File]:
    """The part and the file that lie at this path of the folder.

    Raises:
        UnknownNameError: If the catalogue has none.
    """
    if path not in _places():
        raise UnknownNameError("data file", path, _places())
    return _places()[path]


def select(names: Iterable[str]) -> tuple[DatasetPart, ...]:
    """The parts that these names mean, each once: a part, a dataset, or "all" datasets.

    A dataset means those of its parts whose checksums are known, which are those that are tested here, or all of them
    where none is; "all" means the parts whose checksums are known.

    Raises:
        UnknownNameError: If a name is none of these.
    """
    chosen: dict[str, DatasetPart] = {}
    for name in names:
        if name == "all":
            some = [part for part in parts().values() if part.verified]
        elif name in datasets():
            every = datasets()[name].parts
            some = [part for part in every if part.verified] or list(every)
        elif name in parts():
            some = [parts()[name]]
        else:
            raise UnknownNameError("data", name, ["all", *datasets(), *parts()])
        chosen |= {part.name: part for part in some}
    return tuple(chosen.values())
