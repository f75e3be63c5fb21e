"""The examples for several hosts: their instances load offline, what they name exists, and each is deploy/dagster.yaml and little else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes.client
import pytest
import yaml
from dagster._core.instance import DagsterInstance
from dagster._core.instance.config import dagster_instance_config
from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict

from sequel_assets.cli.commands.worker import serve_worker
from sequel_assets.cli.support.terminal import UsageError
from sequel_assets.orchestration.hosts.launcher import CELERY, HostsRunLauncher
from sequel_assets.settings import load
from sequel_assets_tests.deployment.compose import DEPLOY, units
from sequel_assets_tests.deployment.test_files import parse

KEYS = {"hosts": {"run_launcher", "compute_logs"}, "kubernetes": {"run_launcher", "compute_logs"}}
OTHERWISE = {"run_queue", "run_monitoring", "run_retries", "concurrency"}
MODELS = {
    "ServiceAccount": kubernetes.client.V1ServiceAccount,
    "Role": kubernetes.client.V1Role,
    "RoleBinding": kubernetes.client.V1RoleBinding,
    "Job": kubernetes.client.V1Job,
    "Service": kubernetes.client.V1Service,
    "Deployment": kubernetes.client.V1Deployment,
}


def instance_of(folder: str) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((DEPLOY / folder / "dagster.yaml").read_text())
    return told


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / "manifests.yaml").read_text()))


@pytest.mark.parametrize("folder", KEYS)
def test_an_instance_of_several_hosts_is_that_of_one_with_another_launcher(folder: str) -> None:
    """What is otherwise is named here: limits that count workers, and patience with what may be away."""
    one, several = yaml.safe_load((DEPLOY / "dagster.yaml").read_text()), instance_of(folder)
    assert several.keys() - one.keys() == KEYS[folder]
    assert {key for key in one if one[key] != several[key]} <= OTHERWISE
    limits = one["concurrency"]["runs"]["tag_concurrency_limits"]
    theirs = several["concurrency"]["runs"]["tag_concurrency_limits"]
    assert [limit for limit in theirs if limit not in limits] == [{"key": "sequel_assets/submitted", "limit": 4}]
    assert several["run_retries"]["retry_on_asset_or_op_failure"] is False


@pytest.mark.parametrize("folder", KEYS)
def test_dagster_takes_the_instance_offline(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its schema knows every key, and its launcher can be made; nothing is connected to."""
    monkeypatch.setenv("DAGSTER_PG_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("DAGSTER_CELERY_BROKER_URL", "redis://:secret@127.0.0.1:1/0")
    monkeypatch.setenv("DAGSTER_CELERY_BACKEND_URL", "redis://:secret@127.0.0.1:1/1")
    monkeypatch.setenv("SEQUEL_ASSETS_IMAGE", "registry.example.com/sequel-assets:0.2.0")
    monkeypatch.setenv("SEQUEL_ASSETS_NAMESPACE", "analytics")
    told = instance_of(folder)
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(told))
    config, _ = dagster_instance_config(str(tmp_path))
    assert set(config) == set(told)
    del told["storage"]
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(told))
    monkeypatch.setattr("kubernetes.config.load_incluster_config", lambda: None)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        launcher = instance.run_launcher
        assert type(launcher).__name__ == told["run_launcher"]["class"]
        if isinstance(launcher, HostsRunLauncher):
            assert {name: launcher.celery.conf[name] for name in CELERY} == CELERY


@pytest.mark.parametrize("manifest", manifests(), ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_kubernetes_knows_every_field_of_the_manifests(manifest: dict[str, Any]) -> None:
    """Its own models, made from its published API: an unknown field, or one that is missing, is refused."""
    model = MODELS[manifest["kind"]]
    made = k8s_model_from_dict(model, k8s_snake_case_dict(model, manifest))
    assert made.metadata.name == manifest["metadata"]["name"]
    wrong = {**manifest, "metadata": {**manifest["metadata"], "colour": "red"}}
    with pytest.raises(Exception, match="colour"):
        k8s_model_from_dict(model, k8s_snake_case_dict(model, wrong))


def test_the_manifests_commands_exist() -> None:
    """Each is parsed by its own program, as it is in the image."""
    pods = [one["spec"]["template"]["spec"] for one in manifests() if one["kind"] in {"Job", "Deployment"}]
    commands = [container["args"] for pod in pods for container in pod["containers"]]
    assert len(commands) == 5
    for command in commands:
        parse(command)
    used = {ref["secretRef"]["name"] for pod in pods for c in pod["containers"] for ref in c.get("envFrom", ())}
    assert used == {"sequel-assets", "sequel-assets-receiver"}


def test_the_workers_unit_is_guarded_as_the_others_are() -> None:
    """Its command exists, and it may do no more than the code location, which executes runs on one machine."""
    lines = [
        line for line in (DEPLOY / "hosts" / "sequel-assets-worker.service").read_text().splitlines() if "=" in line
    ]
    mine = {line.partition("=")[0]: line.partition("=")[2] for line in lines}
    code = {key: value for section, key, value in units()["sequel-assets-code.service"] if section == "Service"}
    guards = {
        key: value
        for key, value in code.items()
        if key.startswith(("Protect", "Private", "Restrict", "NoNew", "Lock", "Cap", "UMask"))
    }
    assert {key: mine.get(key) for key in guards} == guards
    parse(mine["ExecStart"].split())


def test_a_worker_refuses_a_warehouse_that_is_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It would be another one on every host."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"CLIENT_ID": "id", "CLIENT_SECRET": "s", "COMPANY_ID": "root", "PERSON_KEY": "k" * 32}.items():
        monkeypatch.setenv(f"SEQUEL_{name}", value)
    with pytest.raises(UsageError) as refused:
        serve_worker(load(), concurrency=1, name="w")
    assert str(refused.value) == (
        "SEQUEL_WAREHOUSE_URL: a SQLite file belongs to one host, so workers on several need PostgreSQL; no run was taken"
    )
