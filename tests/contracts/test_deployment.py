"""The promises of the Dockerfile, the compose files and the proxy's configuration."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
REPLICAS = ("api-1", "api-2")
SINGLE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "docker-compose.sqlite.yml").read_text())["services"][
    "foldin"
]


def instructions(name: str) -> list[str]:
    """What the Dockerfile gives to an instruction, each time, with continued lines joined."""
    lines = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
    return [line.removeprefix(f"{name} ").strip() for line in lines if line.startswith(f"{name} ")]


def test_two_replicas_a_worker_and_postgresql_are_behind_one_proxy():
    assert set(SERVICES) == {"proxy", *REPLICAS, "worker", "postgres"}
    servers = re.findall(r"^    server (\S+) (\S+)$", (ROOT / "deploy" / "haproxy.cfg").read_text(), re.MULTILINE)
    assert servers == [(name, f"{name}:8000") for name in REPLICAS]


def test_the_proxy_alone_publishes_a_port_and_on_loopback():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert all(port.startswith("127.0.0.1:") for port in [*SERVICES["proxy"]["ports"], *SINGLE["ports"]])
    assert all("network_mode" not in service for service in SERVICES.values())


def test_nothing_depends_on_what_starts_first():
    assert not [name for name, service in SERVICES.items() if "depends_on" in service]


@pytest.mark.parametrize("name", [*SERVICES, "single"])
def test_a_service_can_do_no_more_than_it_needs(name):
    service = (SERVICES | {"single": SINGLE})[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not {"cap_add", "privileged", "pid", "ipc", "devices"} & set(service)
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert "healthcheck" in service or name in {*REPLICAS, "single"}  # the API's is in its image


def test_no_secret_has_a_default():
    variables = re.findall(r"\$\{([A-Z_]+)([^}]*)\}", (ROOT / "docker-compose.yml").read_text())
    demanded = {name for name, rest in variables if rest.startswith(":?")}
    assert demanded == {"POSTGRES_PASSWORD", "FOLDIN_API_KEYS"}
    assert not [name for name, rest in variables if rest.startswith(":-") and name in demanded]


def test_api_and_worker_are_one_image_and_share_the_database_alone():
    together = [SERVICES[name] for name in (*REPLICAS, "worker")]
    assert len({service["image"] for service in together}) == 1
    assert len({service["environment"]["FOLDIN_DATABASE_URL"] for service in together}) == 1
    volumes = [volume for service in SERVICES.values() for volume in service.get("volumes", []) if volume[0] != "."]
    assert sorted(volume.partition(":")[0] for volume in volumes) == sorted(COMPOSE["volumes"])  # each is one's own


def test_the_image_carries_the_release_of_the_project():
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert {SERVICES[name]["image"] for name in REPLICAS} | {SINGLE["image"]} == {f"foldin:{version[1]}"}


def test_every_image_names_its_version():
    images = [service["image"] for service in SERVICES.values()]
    images += [default.partition("=")[2] for default in instructions("ARG")]
    assert not [image for image in images if ":" not in image or image.endswith(":latest")]
    stages = [stage.partition(" AS ")[0] for stage in instructions("FROM")]
    assert stages == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]


def test_the_image_runs_as_a_fixed_user_without_rights():
    assert instructions("USER") == ["10001:10001"]


def test_the_image_installs_only_what_the_lock_lists():
    installations = [step for step in instructions("RUN") if re.search(r"pip\W+install", step)]
    locked, project = installations
    assert {"--no-deps", "--require-hashes", "requirements.lock", ":all:"} <= set(json.loads(locked))
    assert project.startswith("pip install --no-compile --no-deps --no-build-isolation --target /opt/foldin . ")
    before, _, result = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")
    assert re.findall(r"apt-get install.* (\S+)\n", before) == ["binutils"]  # strip, which stays behind
    assert "apt-get" not in result


def test_the_commands_are_in_exec_form():
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["foldin"]
    assert json.loads(instructions("CMD")[0]) == ["serve"]
    check = re.search(r"CMD (\[.*\])", instructions("HEALTHCHECK")[0])
    assert check
    assert json.loads(check[1])[0] == "python"


def test_the_image_asserts_a_sound_sqlite():
    assert any("sqlite_version_info >= (3, 53, 0)" in step for step in instructions("RUN"))


def test_the_build_sees_only_what_the_image_needs():
    patterns = (ROOT / ".dockerignore").read_text().split("\n")
    assert patterns[1] == "*"
    sent = {pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")}
    copied = {path for step in instructions("COPY") if "--from" not in step for path in step.split()[:-1]}
    assert sent == copied
