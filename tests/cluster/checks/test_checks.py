"""`cluster check` finds no error in our own files, and each mistake in edited copies of them."""

from __future__ import annotations

import contextlib
import copy
import functools
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.capacity import StudyRequirements
from raytune_suite.cluster.checks import check, check_document, launcher
from raytune_suite.cluster.checks.findings import CODES
from raytune_suite.cluster.document import parse
from raytune_suite.cluster.pools import cluster_of
from raytune_suite.cluster.render import render
from raytune_suite.errors import ArgumentError
from tests.cluster.checks.cloud_mistakes import DEVELOPED
from tests.cluster.checks.cloud_mistakes_holdout import HOLDOUT
from tests.cluster.checks.cloud_variations import VARIATIONS
from tests.cluster.checks.edits import (
    GPU_1,
    GPU_8,
    IN_HEAD,
    INIT,
    MISTAKES,
    NFS,
    SETUP,
    SHARED,
    VALID_EDITS,
    Config,
    Mistake,
    ValidEdit,
)
from tests.cluster.checks.shares import every_third, two_of_each_code
from tests.cluster.checks.text_mistakes import TEXT_MISTAKES
from tests.cluster.checks.unseen_mistakes import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks import CheckReport

ROOT = Path(__file__).parents[3]
CLUSTERS = ROOT / "clusters"
OURS = sorted([*CLUSTERS.glob("*.yaml"), *CLUSTERS.glob("kuberay/ray*.yaml")])

FROM_TEXT = {"RTS102", "RTS106"}
"""Codes that no edit of values can produce; their tests are below."""

FROM_AWS = {"RTS921", "RTS922", "RTS923"}
"""Codes of answers of the cloud; their tests are in test_online.py."""


def key_path(where: str) -> tuple[str | int, ...]:
    return tuple(int(step) if step.isdecimal() else step for step in where.split("."))


def edited(config: Config, edit: Config) -> Config:
    copied = copy.deepcopy(config)
    for where, value in edit.items():
        *above, last = key_path(where)
        place: Any = copied
        for step in above:
            place = place[step]
        if value is None:
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(value)
        else:
            place[last] = value
    return copied


def dumped(config: Config) -> str:
    """Return a file as YAML text, by the dumper in C where PyYAML was built with it."""
    return str(yaml.dump(config, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False))


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in the checkout, to which the file mounts of our files are relative."""
    monkeypatch.chdir(ROOT)


def check_text(text: str, study: StudyRequirements | None = None) -> CheckReport:
    return check_document(parse(text, Path("edited.yaml"))[0], study)


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(CLUSTERS)))
def test_our_files_have_no_error(path: Path) -> None:
    report = check(path, StudyRequirements(cpus=2, gpus=1, storage_path="/shared/studies"))
    assert [found for found in report.findings if found.severity == "error"] == []
    assert report.capacity is not None
    assert report.capacity.slots != 0


@functools.cache
def file_of_ours(file: str) -> Config:
    """Return the contents of a file of ours, which `edited` copies."""
    contents: Config = yaml.safe_load((CLUSTERS / f"{file}.yaml").read_text())
    return contents


@functools.cache
def places_found(file: str) -> set[tuple[str, str]]:
    """The codes and the places of the findings in a file of ours."""
    good = file_of_ours(file)
    return {(one.code, one.where) for one in check_text(dumped(good)).findings}


ALL_MISTAKES = [*MISTAKES, *DEVELOPED, *HOLDOUT]


@pytest.mark.parametrize("mistake", two_of_each_code(ALL_MISTAKES), ids=lambda mistake: str(mistake.name))
def test_a_mistake_is_found_at_its_place(mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    if mistake.code != "RTS105":  # Ray's own validation takes long, and gives only this code
        monkeypatch.setattr(launcher, "validation", lambda _: iter(()))
    good = file_of_ours(mistake.file)
    bad = edited(good, mistake.edit)
    text = dumped(bad)
    document = parse(text, Path("edited.yaml"))[0]
    expected = next(iter(mistake.edit)) if mistake.where is None else mistake.where
    report = check_document(document, mistake.study)
    found = [one for one in report.findings if one.code == mistake.code and one.where == expected]
    assert found, [(one.code, one.where, one.reason) for one in report.findings]
    assert found[0].remedy
    if bad != good:
        assert (mistake.code, expected) not in places_found(mistake.file)
    if document.node(key_path(expected)) is not None and not expected[-1].isdecimal():
        assert f"{key_path(expected)[-1]}:" in text.splitlines()[found[0].line - 1]


@pytest.mark.parametrize("valid", every_third(VALID_EDITS), ids=lambda valid: str(valid.name))
def test_a_valid_edit_is_not_reported(valid: ValidEdit) -> None:
    config = edited(file_of_ours(valid.file), valid.edit)
    report = check_text(dumped(config), valid.study)
    found = [one for one in report.findings if one.code == valid.code and one.severity != valid.at_most]
    assert [(one.where, one.severity, one.reason) for one in found] == []
    assert not {"RTS101", "RTS105"} & {one.code for one in report.findings}, report.findings


@pytest.mark.parametrize(("file", "edit"), every_third(VARIATIONS), ids=lambda value: str(value)[:70])
@pytest.mark.slow
def test_a_valid_variation_for_a_cloud_has_no_error(file: str, edit: Config) -> None:
    config = edited(file_of_ours(file), edit)
    report = check_text(dumped(config))
    assert [(one.code, one.where, one.reason) for one in report.findings if one.severity == "error"] == []


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        ("numpy\nray[tune]==2.60.0  # not 2.9.0\n", set()),
        ("ray==2.9.0\n", {("RTS301", "error")}),
        ("ray[tune]\n", {("RTS305", "warning")}),
        ("# ray==2.60.0\nnumpy\n", {("RTS305", "warning")}),
    ],
)
@pytest.mark.parametrize("command", ["pip install -r pins.txt", "uv pip install --requirement=/code/pins.txt numpy"])
def test_requirements_files_are_read(
    requirements: str, expected: set[tuple[str, str]], command: str, tmp_path: Path
) -> None:
    (tmp_path / "pins.txt").write_text(requirements)
    config = yaml.safe_load((CLUSTERS / "local.yaml").read_text())
    config |= {SETUP: [command], "file_mounts": {"/code": str(tmp_path)}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    found = {(one.code, one.severity) for one in check(tmp_path / "mine.yaml").findings}
    assert {one for one in found if one[0] in {"RTS301", "RTS305"}} == expected


def test_the_finding_about_storage_names_shared_folders() -> None:
    config = yaml.safe_load((CLUSTERS / "aws-gpu.yaml").read_text())
    config[INIT] = [f"sudo mount -t nfs {NFS} /efs > /dev/null 2>&1"]
    (found,) = [one for one in check_text(yaml.safe_dump(config), SHARED).findings if one.code == "RTS502"]
    assert "/efs" in found.reason
    assert found.severity == "error"


def test_every_code_has_a_mistake() -> None:
    tested = {mistake.code for mistakes in (ALL_MISTAKES, TEXT_MISTAKES, UNSEEN) for mistake in mistakes}
    assert tested | FROM_TEXT | FROM_AWS == set(CODES)


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(CLUSTERS)))
@pytest.mark.slow
def test_no_value_makes_the_check_crash(path: Path) -> None:
    good = yaml.safe_load(yaml.safe_dump(yaml.safe_load(path.read_text())))  # without aliases
    rng = random.Random(0)
    for where in rng.sample(list(places(good, "")), 12):
        text = dumped(edited(good, {where: rng.choice([5, "x", [1], {"a": 1}, {}])}))
        with contextlib.suppress(ArgumentError):  # an invalid Kubernetes quantity
            report = check_text(text, StudyRequirements(gpus=1, storage_path="/shared/studies"))
            assert report.capacity is not None or "RTS101" in {one.code for one in report.findings}


def places(value: Any, above: str) -> Iterator[str]:
    """Yield the dotted paths of all values, except of keys that contain a dot."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        if "." not in str(key):
            yield f"{above}{key}"
            yield from places(part, f"{above}{key}.")


def test_a_disabled_pool_is_no_error_next_to_another() -> None:
    config = yaml.safe_load((CLUSTERS / "aws-gpu.yaml").read_text())
    off = {f"{GPU_8}.max_workers": 0}
    (found,) = [one for one in check_text(yaml.safe_dump(edited(config, off))).findings if one.code == "RTS202"]
    assert found.severity == "warning"
    for more in ({f"{GPU_1}.max_workers": 0}, {f"{GPU_8}.min_workers": 1}):
        report = check_text(yaml.safe_dump(edited(config, {**off, **more})))
        assert ("RTS202", "error") in {(one.code, one.severity) for one in report.findings}


def test_a_disabled_group_is_no_error_next_to_another() -> None:
    text = (CLUSTERS / "kuberay" / "raycluster.yaml").read_text().replace("maxReplicas: 2", "maxReplicas: 0")
    (found,) = [one for one in check_text(text).findings if one.code == "RTS202"]
    assert (found.severity, found.where) == ("warning", "spec.workerGroupSpecs.1.maxReplicas")


def test_a_duplicate_key_is_found_on_its_second_line() -> None:
    text = (CLUSTERS / "local.yaml").read_text() + "max_workers: 3\n"
    (found,) = [one for one in check_text(text).findings if one.code == "RTS102"]
    assert (found.line, found.where) == (len(text.splitlines()), "max_workers")


def test_placeholders_are_reported_until_they_are_replaced() -> None:
    text = (CLUSTERS / "aws-gpu.yaml").read_text()
    assert {found.reason.split()[0] for found in check_text(text).missing} == {
        "YOUR-GROUP",
        "YOUR-IMAGE",
        "YOUR-FILE-SYSTEM",
    }
    for name, value in {"GROUP": "0123456789abcdef0", "IMAGE": "0123456789abcdef0", "FILE-SYSTEM": "fs-01"}.items():
        text = text.replace(f"YOUR-{name}", value)
    assert check_text(text).missing == []


def test_a_custom_role_is_no_finding() -> None:
    config = yaml.safe_load((CLUSTERS / "aws-gpu.yaml").read_text())
    profile = {"Arn": "arn:aws:iam::123456789012:instance-profile/ray-head"}
    config = edited(config, {f"{IN_HEAD}.IamInstanceProfile": profile})
    assert "RTS604" not in {found.code for found in check_text(yaml.safe_dump(config)).findings}


def test_an_unknown_key_is_reported_with_a_suggestion() -> None:
    text = (CLUSTERS / "local.yaml").read_text() + "idle_timeout_minuts: 3\n"
    (found,) = check_text(text).findings[-1:]
    assert "`idle_timeout_minuts`" in found.reason
    assert "'idle_timeout_minutes'" in found.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a: [1", "YAML"), ("- a\n- b\n", "mapping"), ("# nothing\n", "empty")],
)
def test_a_file_that_is_no_mapping_is_rejected(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text(text)
    with pytest.raises(ArgumentError, match=reason):
        check(tmp_path / "file.yaml")


@pytest.mark.parametrize("text", ["a: " + "[" * 30_000, "- " * 30_000 + "a", "? " * 30_000 + "a"])
@pytest.mark.slow
def test_values_nested_too_deeply_are_rejected(text: str) -> None:
    with pytest.raises(ArgumentError):
        parse(text, Path("deep.yaml"))


def test_a_missing_file_is_rejected() -> None:
    with pytest.raises(ArgumentError, match=r"no\.yaml"):
        check(Path("no.yaml"))


class TestKubeRaysSchema:
    @pytest.mark.parametrize("name", ["raycluster", "rayjob"])
    def test_our_manifests_are_valid(self, name: str) -> None:
        assert check(CLUSTERS / "kuberay" / f"{name}.yaml").errors == 0

    def test_a_misspelled_key_is_found(self) -> None:
        text = (CLUSTERS / "kuberay" / "rayjob.yaml").read_text().replace("backoffLimit", "backofLimit")
        (found,) = [one for one in check_text(text).findings if one.severity == "error"]
        assert (found.code, found.where) == ("RTS103", "spec.backofLimit")
        assert "did you mean 'backoffLimit'?" in found.reason

    def test_a_string_for_a_number_is_found(self) -> None:
        text = (CLUSTERS / "kuberay" / "raycluster.yaml").read_text().replace("maxReplicas: 8", "maxReplicas: many")
        assert ("RTS101", "spec.workerGroupSpecs.0.maxReplicas") in {
            (one.code, one.where) for one in check_text(text).findings
        }


@pytest.mark.parametrize("place", [("available_node_types",), ("provider",), ()])
def test_a_key_that_is_not_text_is_an_error(place: tuple[str, ...], tmp_path: Path) -> None:
    config = yaml.safe_load((Path(__file__).parents[3] / "clusters" / "laptop.yaml").read_text())
    parent = config
    for key in place:
        parent = parent.setdefault(key, {})
    parent[7] = {"x": 1}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    found = [one for one in check(tmp_path / "mine.yaml").findings if one.code == "RTS101"]
    assert any("`7`" in one.reason for one in found)


def test_pods_may_use_the_token_of_their_service_account() -> None:
    mode = "- {name: RAY_AUTH_MODE, value: token}\n              "
    text = (CLUSTERS / "kuberay/raycluster.yaml").read_text().replace("authOptions: {mode: token}", "suspend: false")
    for name, codes in (("RAY_ENABLE_K8S_TOKEN_AUTH", set()), ("OTHER", {"RTS613"})):
        env = f"env: &env\n              {mode}- {{name: {name}, value: 'true'}}\n"
        found = check_text(text.replace("env: &env\n", env)).findings
        assert {one.code for one in found if one.severity == "error"} == codes


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("    rayStartParams:\n", "    replicas: 1\n    rayStartParams:\n", "spec.headGroupSpec.replicas"),
        ("  authOptions:", "  serveConfig: {}\n  authOptions:", "spec.serveConfig"),
    ],
)
def test_a_key_that_the_operator_no_longer_has_is_not_taken_for_another(old: str, new: str, key: str) -> None:
    text = (CLUSTERS / "kuberay/raycluster.yaml").read_text().replace(old, new, 1)
    (found,) = [one for one in check_text(text).findings if one.where == key]
    assert found.code == "RTS103"
    assert "did you mean" not in found.reason
    assert "belongs" not in found.reason


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_each_placeholder_of_our_files_is_replaced_by_the_setting_that_its_finding_names(path: Path) -> None:
    text = path.read_text()
    for found in check(path).missing:
        (setting,) = re.findall(r"--set (\S+)=", found.remedy)
        text = render(cluster_of(parse(text, path)), {setting: "example"})
    assert check_document(cluster_of(parse(text, path))).missing == []
