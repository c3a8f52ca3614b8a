"""`cluster check --online` reports what a provider answers: stand-in servers for clouds, and stand-in programs."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types

from raytune_suite.cluster.checks import check, online
from raytune_suite.cluster.checks.online import azure, gcp, kuberay
from raytune_suite.cluster.checks.online.rest import RestClient
from raytune_suite.cluster.document import parse
from raytune_suite.cluster.pools import pools
from tests.cluster.checks.edits import ARM, IN_1, Config
from tests.cluster.checks.test_checks import edited, file_of_ours

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

FILES = Path(__file__).parent / "files"

Answers = dict[str, Any]
"""What a server answers: JSON values by path, or a status and a message."""


IMAGE = "projects/images/global/images/one"
NODE_CONFIGS = [f"available_node_types.{name}.node_config" for name in ("head", "gpu_1", "gpu_8")]
FOR_GCP: Config = {
    "provider.project_id": "mine",
    **{
        f"{one}.disks": [{"boot": True, "initializeParams": {"diskSizeGb": 200, "sourceImage": IMAGE}}]
        for one in NODE_CONFIGS
    },
}
SUBSCRIPTION = "/subscriptions/11111111-2222-3333-4444-555555555555"
FOR_AZURE: Config = {
    "provider.subscription_id": SUBSCRIPTION.rpartition("/")[2],
    **{f"{one}.azure_arm_parameters.imageVersion": "22.04.1" for one in NODE_CONFIGS},
}
"""Values for the placeholders of our files."""


class Server:
    """A REST API with canned answers, and 404 for everything else."""

    def __init__(self) -> None:
        self.answers: Answers = {}
        self.tokens: set[str | None] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.tokens.add(self.headers["Authorization"])
                answer = outer.answers.get(unquote(self.path.partition("?")[0]), (404, "not found"))
                status, value = answer if isinstance(answer, tuple) else (200, answer)
                body = value if status == 200 else {"error": {"message": value}}
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def client(self, answers: Answers) -> RestClient:
        self.answers = answers
        return RestClient(f"http://127.0.0.1:{self.http.server_port}", lambda: "secret")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.http.shutdown()
    one.http.server_close()


def findings(module: ModuleType, file: str, edit: Config, client: RestClient | None) -> set[tuple[str, str, str]]:
    text = yaml.safe_dump(edited(file_of_ours(file), edit), sort_keys=False)
    document = parse(text, Path("edited.yaml"))[0]
    return {(one.code, one.severity, one.where) for one in module.check(document, pools(document), client)}


class TestComputeEngine:
    ZONE = "/projects/mine/zones/us-central1-a"

    def good(self, **quotas: float) -> Answers:
        free = {"PREEMPTIBLE_NVIDIA_L4_GPUS": 8, "NVIDIA_L4_GPUS": 16, **quotas}
        return {
            "/projects/mine": {"quotas": [{"metric": "GPUS_ALL_REGIONS", "limit": 16, "usage": 0}]},
            "/projects/mine/regions/us-central1": {
                "quotas": [{"metric": name, "limit": limit, "usage": 0} for name, limit in free.items()]
            },
            f"/{IMAGE}": {"diskSizeGb": "50"},
            **{f"{self.ZONE}/machineTypes/{name}": {} for name in ("n2-standard-4", "g2-standard-8", "g2-standard-96")},
        }

    def test_a_file_that_it_accepts_has_no_finding(self, server: Server) -> None:
        assert findings(gcp, "gcp-gpu", FOR_GCP, server.client(self.good())) == set()
        assert server.tokens == {"Bearer secret"}

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({f"{ZONE}/machineTypes/g2-standard-8": None}, ("RTS921", "error", f"{IN_1}.machineType")),
            ({f"/{IMAGE}": None}, ("RTS921", "error", f"{IN_1}.disks.0.initializeParams.sourceImage")),
            ({f"/{IMAGE}": (403, "no")}, ("RTS922", "warning", f"{IN_1}.disks.0.initializeParams.sourceImage")),
            (
                {f"/{IMAGE}": {"diskSizeGb": "300"}},
                ("RTS911", "error", f"{IN_1}.disks.0.initializeParams.diskSizeGb"),
            ),
            ({"/projects/mine": None}, ("RTS921", "error", "provider.project_id")),
            ({"/projects/mine": (401, "expired")}, ("RTS922", "warning", "provider")),
            ({"/projects/mine/regions/us-central1": None}, ("RTS921", "error", "provider.region")),
        ],
    )
    def test_what_it_rejects_is_reported(self, server: Server, change: Answers, expected: tuple[str, str, str]) -> None:
        answers = {path: value for path, value in {**self.good(), **change}.items() if value is not None}
        assert expected in findings(gcp, "gcp-gpu", FOR_GCP, server.client(answers))

    @pytest.mark.parametrize(("limit", "severity"), [(0, "error"), (3, "warning")])
    def test_small_quotas_are_reported(self, server: Server, limit: int, severity: str) -> None:
        client = server.client(self.good(PREEMPTIBLE_NVIDIA_L4_GPUS=limit))
        assert findings(gcp, "gcp-gpu", FOR_GCP, client) == {("RTS923", severity, f"{IN_1}.machineType")}

    def test_attached_gpus_are_looked_up(self, server: Server) -> None:
        edit = {
            **FOR_GCP,
            f"{IN_1}.machineType": "n1-standard-8",
            f"{IN_1}.guestAccelerators": [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 2}],
        }
        answers = {**self.good(PREEMPTIBLE_NVIDIA_T4_GPUS=1), f"{self.ZONE}/machineTypes/n1-standard-8": {}}
        assert findings(gcp, "gcp-gpu", edit, server.client(answers)) == {
            ("RTS921", "error", f"{IN_1}.guestAccelerators"),
            ("RTS923", "error", f"{IN_1}.machineType"),
        }


class TestAzure:
    COMPUTE = f"{SUBSCRIPTION}/providers/Microsoft.Compute"
    VERSIONS = f"{COMPUTE}/locations/eastus/publishers/microsoft-dsvm/artifacttypes/vmimage/offers/ubuntu-hpc/skus/2204"

    def size(self, name: str, cpus: int, **more: Any) -> dict[str, Any]:
        can = {"vCPUs": str(cpus), "LowPriorityCapable": "True"}
        capabilities = [{"name": key, "value": value} for key, value in can.items()]
        facts = {
            "name": name,
            "resourceType": "virtualMachines",
            "family": "standardNCFamily",
            "capabilities": capabilities,
        }
        return {**facts, **more}

    def good(self, cores: int = 1000, family: int = 1000, **gpu_1: Any) -> Answers:
        sizes = [
            self.size("Standard_D4s_v5", 4),
            self.size("Standard_ND96asr_v4", 96),
            self.size("Standard_NC8as_T4_v3", 8, **gpu_1),
        ]
        usages = [
            {"name": {"value": name}, "limit": limit, "currentValue": 0}
            for name, limit in {"cores": 1000, "Standard NC Family": family, "lowPriorityCores": cores}.items()
        ]
        return {
            SUBSCRIPTION: {},
            f"{self.COMPUTE}/skus": {"value": sizes},
            f"{self.COMPUTE}/locations/eastus/usages": {"value": usages},
            f"{self.VERSIONS}/versions/22.04.1": {},
        }

    def test_a_file_that_it_accepts_has_no_finding(self, server: Server) -> None:
        assert findings(azure, "azure-gpu", FOR_AZURE, server.client(self.good())) == set()

    @pytest.mark.parametrize(
        ("answers", "edit", "expected"),
        [
            ({}, {}, ("RTS921", "error", "provider.subscription_id")),
            ({"cores": 4}, {}, ("RTS923", "error", f"{ARM}.vmSize")),
            ({"cores": 20}, {}, ("RTS923", "warning", f"{ARM}.vmSize")),
            ({"family": 90}, {}, ("RTS923", "error", f"{ARM}.vmSize".replace("gpu_1", "gpu_8"))),
            ({"resourceType": "disks"}, {}, ("RTS921", "error", f"{ARM}.vmSize")),
            (
                {"restrictions": [{"type": "Location", "reasonCode": "NotAvailableForSubscription"}]},
                {},
                ("RTS921", "error", f"{ARM}.vmSize"),
            ),
            ({"cores": 1000}, {f"{ARM}.imageVersion": "22.04.9"}, ("RTS921", "error", f"{ARM}.imageVersion")),
        ],
    )
    def test_what_it_rejects_is_reported(
        self, server: Server, answers: dict[str, Any], edit: Config, expected: tuple[str, str, str]
    ) -> None:
        given = self.good(**answers) if answers else {}
        assert expected in findings(azure, "azure-gpu", {**FOR_AZURE, **edit}, server.client(given))


@pytest.mark.parametrize(
    ("module", "file", "package", "edit"),
    [
        (gcp, "gcp-gpu", "google.auth", FOR_GCP),
        (azure, "azure-gpu", "azure.identity", FOR_AZURE),
    ],
)
def test_a_missing_package_is_a_warning(
    module: ModuleType, file: str, package: str, edit: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        assert name.partition(".")[0] == package.partition(".")[0]
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", missing)
    assert findings(module, file, edit, None) == {("RTS922", "warning", "provider")}


@pytest.mark.parametrize(("module", "file"), [(gcp, "gcp-gpu"), (azure, "azure-gpu")])
def test_nothing_is_asked_while_placeholders_are_left(module: ModuleType, file: str, server: Server) -> None:
    assert findings(module, file, {}, server.client({})) == {("RTS922", "warning", "provider")}


def test_a_server_that_does_not_answer_is_a_warning() -> None:
    client = RestClient("http://127.0.0.1:1", lambda: "secret")
    assert findings(gcp, "gcp-gpu", FOR_GCP, client) == {("RTS922", "warning", "provider")}


def test_other_providers_are_not_asked() -> None:
    document = parse(yaml.safe_dump(file_of_ours("local")), Path("edited.yaml"))[0]
    assert [one.code for one in online.check(document, [])] == ["RTS922"]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts a program on the PATH, which prints a message as an error."""

    def put(name: str, message: str, status: int) -> Path:
        arguments = tmp_path / "arguments"
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "$@" > {arguments}\ncat >&2 <<"END"\n{message}\nEND\nexit {status}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return arguments

    return put


CONFLICT = (
    'The RayCluster "tuning" is invalid: spec.workerGroupSpecs[0].maxReplicas: Invalid value: 6: must be more\n'
    'Warning: unknown field "spec.foo"'
)


@pytest.mark.parametrize(
    ("message", "status", "expected"),
    [
        ("raycluster.ray.io/tuning created (server dry run)", 0, []),
        (CONFLICT, 1, [("RTS921", "spec.workerGroupSpecs.0.maxReplicas")]),
        ('resource mapping not found: no matches for kind "RayCluster" in version "ray.io/v1"', 1, [("RTS921", "")]),
        ("The connection to the server localhost:8080 was refused", 1, [("RTS922", "")]),
    ],
)
def test_kubernetes_is_asked_by_a_dry_run(
    message: str, status: int, expected: list[tuple[str, str]], stand_in: Any
) -> None:
    arguments = stand_in("kubectl", message, status)
    document = parse((FILES / "raycluster.yaml").read_text(), FILES / "raycluster.yaml")[1]
    assert [(one.code, one.where) for one in kuberay.check(document, [])] == expected
    assert arguments.read_text().split()[:2] == ["apply", "--dry-run=server"]


@pytest.mark.parametrize(
    ("message", "status", "expected"),
    [
        ("sbatch: Job 7 to start at 2026-11-28T10:00:00 using 128 processors on nodes n[1-4]", 0, []),
        ("allocation failure: Invalid partition name specified", 1, [("RTS921", "--partition", 4)]),
        ("allocation failure: Requested node configuration is not available", 1, [("RTS921", "--gpus-per-node", 8)]),
        ("sbatch: error: Unable to contact slurm controller", 1, [("RTS922", "#SBATCH", 1)]),
    ],
)
def test_slurm_is_asked_by_a_test(
    message: str, status: int, expected: list[tuple[str, str, int]], stand_in: Any
) -> None:
    arguments = stand_in("sbatch", message, status)
    before = set(check(FILES / "ray.sbatch").findings)
    assert not arguments.exists()  # off by default
    found = [one for one in check(FILES / "ray.sbatch", ask_cloud=True).findings if one not in before]
    assert [(one.code, one.where, one.line) for one in found] == expected
    assert arguments.read_text().split()[0] == "--test-only"


def test_without_the_program_there_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    document = parse((FILES / "raycluster.yaml").read_text(), FILES / "raycluster.yaml")[1]
    assert [one.code for one in online.check(document, [])] == ["RTS922"]
    assert "RTS922" in {one.code for one in check(FILES / "ray.sbatch", ask_cloud=True).findings}
