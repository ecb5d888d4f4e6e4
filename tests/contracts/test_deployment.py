"""The promises of the Dockerfile and of docker-compose.yml."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def instructions(name: str) -> list[str]:
    """What the Dockerfile gives to an instruction, each time, with continued lines joined."""
    lines = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
    return [line.removeprefix(f"{name} ").strip() for line in lines if line.startswith(f"{name} ")]


def test_there_is_one_postgresql_one_api_and_one_worker():
    assert set(SERVICES) == {"postgres", "api", "worker"}


def test_the_api_alone_publishes_a_port_and_on_loopback():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["api"]["ports"])
    assert all("network_mode" not in service for service in SERVICES.values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_no_more_than_it_needs(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not {"cap_add", "privileged", "pid", "ipc", "devices"} & set(service)
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert "healthcheck" in service or name == "api"  # the API's is in its image


def test_no_secret_has_a_default():
    variables = re.findall(r"\$\{([A-Z_]+)([^}]*)\}", (ROOT / "docker-compose.yml").read_text())
    demanded = {name for name, rest in variables if rest.startswith(":?")}
    assert demanded == {"POSTGRES_PASSWORD", "FOLDIN_API_KEYS"}
    assert not [name for name, rest in variables if rest.startswith(":-") and name in demanded]


def test_api_and_worker_are_one_image_and_one_store():
    api, worker = SERVICES["api"], SERVICES["worker"]
    assert api["image"] == worker["image"]
    assert api["volumes"] == worker["volumes"]
    assert api["environment"]["FOLDIN_DATABASE_URL"] == worker["environment"]["FOLDIN_DATABASE_URL"]


def test_the_image_carries_the_release_of_the_project():
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert SERVICES["api"]["image"] == f"foldin:{version[1]}"


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
    assert project.startswith("pip install --no-deps --no-build-isolation . ")
    assert not [step for step in instructions("RUN") if "apt-get" in step]


def test_the_commands_are_in_exec_form():
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["foldin"]
    assert json.loads(instructions("CMD")[0]) == ["serve"]
    check = re.search(r"CMD (\[.*\])", instructions("HEALTHCHECK")[0])
    assert check
    assert json.loads(check[1])[0] == "python"


def test_the_image_asserts_a_sound_sqlite():
    assert any("sqlite_version_info >= (3, 51, 3)" in step for step in instructions("RUN"))


def test_the_build_sees_only_what_the_image_needs():
    patterns = (ROOT / ".dockerignore").read_text().split("\n")
    assert patterns[1] == "*"
    sent = {pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")}
    copied = {path for step in instructions("COPY") if "--from" not in step for path in step.split()[:-1]}
    assert sent == copied
