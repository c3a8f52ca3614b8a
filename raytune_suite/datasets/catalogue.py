"""The catalogue of third-party data: the path of each file, where its authors publish it, and its checksum.

A dataset has parts, such as "arlbench/cc_cartpole_ppo". A part consists of one or a few files, which are downloaded
together.

Files that were tested with this package have their size and checksum here, and a URL that names a commit or a tag. The
others, whose `sha256` is None, are trusted on first use: the checksum of the first download is recorded in the folder's
checksums.json. Later changes are then noticed, but not an error in that first download.
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
        path: Its path in the data folder, with "/".
        url: Where its authors publish it.
        size: Its size in bytes; None if unknown.
        sha256: Its checksum in hexadecimal digits; None if unknown.
        member: The name of the file in the zip archive at the URL; None if the URL is that of the file.
    """

    path: str
    url: str
    size: int | None = None
    sha256: str | None = None
    member: str | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetPart:
    """The files of a dataset that are downloaded together.

    Attributes:
        name: The name of the dataset, "/", and that of the part, such as "arlbench/cc_cartpole_ppo".
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
    """Data that were published together.

    Attributes:
        name: Its name for `raytune-suite data fetch`.
        summary: One line that describes its content.
        licence: The SPDX identifier of its licence.
        source: The URL of its description.
        parts: The parts that can be downloaded.
    """

    name: str
    summary: str
    licence: str
    source: str
    parts: tuple[DatasetPart, ...]


GITHUB = "https://raw.githubusercontent.com"

Known = tuple[int, str]
"""The size in bytes and the checksum of a file."""

ARLBENCH_COMMIT, ARLBENCH_BRANCH = "61a4a3abc30266c5b80eae6cddafe8d296e258e7", "experiments"
"""The commit of the landscapes with a known checksum, and the branch that has all of them."""

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
    """Create the record of a file, with size and checksum if they are known."""
    size, sha256 = (None, None) if known is None else known
    return File(path=path, url=url, size=size, sha256=sha256, member=member)


def arlbench() -> Dataset:
    """Return the landscapes of ARLBench, one file per task."""

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
    """Return the surrogates of YAHPO Gym, three files per scenario."""

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
    """Return TaskSet's RNN text classification as published by DPL, one file per task."""

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
    """Return the learning curves of LCBench, one file for all tasks."""
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
    """Return all datasets by name."""
    return {dataset.name: dataset for dataset in (arlbench(), yahpo(), taskset(), lcbench())}


@cache
def parts() -> dict[str, DatasetPart]:
    """Return all parts by name."""
    return {part.name: part for dataset in datasets().values() for part in dataset.parts}


@cache
def _files_by_path() -> dict[str, tuple[DatasetPart, File]]:
    return {file.path: (part, file) for part in parts().values() for file in part.files}


def find(path: str) -> tuple[DatasetPart, File]:
    """Return the file with this path, and its part.

    Raises:
        UnknownNameError: If the catalogue has no such file.
    """
    if path not in _files_by_path():
        raise UnknownNameError("data file", path, _files_by_path())
    return _files_by_path()[path]


def select(names: Iterable[str]) -> tuple[DatasetPart, ...]:
    """Return the parts that are selected by the names of parts or datasets, or by "all", without repetitions.

    The name of a dataset selects its parts with known checksums (those that were tested with this package), or all of
    its parts if it has none; "all" selects all parts with known checksums.

    Raises:
        UnknownNameError: If a name is unknown.
    """
    chosen: dict[str, DatasetPart] = {}
    for name in names:
        if name == "all":
            selected = [part for part in parts().values() if part.verified]
        elif name in datasets():
            of_dataset = datasets()[name].parts
            selected = [part for part in of_dataset if part.verified] or list(of_dataset)
        elif name in parts():
            selected = [parts()[name]]
        else:
            raise UnknownNameError("data", name, ["all", *datasets(), *parts()])
        chosen |= {part.name: part for part in selected}
    return tuple(chosen.values())
