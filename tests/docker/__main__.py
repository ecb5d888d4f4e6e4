"""The deployment from the build to the last container, with what may happen to it: ``python -m tests.docker``.

The last line is PASSED, or SKIPPED with the reason; anything else is a failure, with an exit code of 1.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from tests.docker.deployment import IMAGE, REPLICAS, ROOT, Deployment, docker, images_to_pull, until
from tests.docker.engine import NoEngineError, running_engine
from tests.docker.load import Load
from tests.docker.standins import make_standins
from tests.service import tastes

Ratings = list[tuple[str, str, float]]


def main() -> None:
    """Find an engine and go through all steps."""
    parser = argparse.ArgumentParser(prog="python -m tests.docker", description=__doc__)
    parser.add_argument("--running-engine-only", action="store_true", help="start no engine, and make no images")
    parser.add_argument("--ratings", type=Path, help="a CSV file with userId,movieId,rating; otherwise made up")
    arguments = parser.parse_args()
    os.environ["DOCKER_BUILDKIT"] = "0"  # an engine without a network of its own has no other builder
    began = time.monotonic()
    try:
        with running_engine(may_start=not arguments.running_engine_only):
            provide_images(may_make=not arguments.running_engine_only)
            build_image()
            ratings = read_ratings(arguments.ratings)
            try_single_container(Deployment("deploy/docker-compose.sqlite.yml"), ratings)
            maltreat(Deployment(), ratings)
    except NoEngineError as reason:
        sys.stdout.write(f"SKIPPED: {reason}\n")
    else:
        say(f"everything took {time.monotonic() - began:.0f} s")
        sys.stdout.write("PASSED\n")


def provide_images(*, may_make: bool) -> None:
    """Pull the images that are not there, or make stand-ins where no registry answers."""
    missing: dict[str, str] = {}
    for kind, name in images_to_pull().items():
        if subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode:
            pulled = subprocess.run(["docker", "pull", "--quiet", name], capture_output=True, check=False).returncode
            missing |= {kind: name} if pulled else {}
    if missing and not may_make:
        raise NoEngineError(f"no registry has {', '.join(missing.values())}; `make test-docker` makes stand-ins")
    if missing:
        began = time.monotonic()
        try:
            make_standins(missing)
        except RuntimeError as error:
            raise NoEngineError(str(error)) from None
        say(f"stand-ins for {', '.join(missing.values())} made in {time.monotonic() - began:.0f} s")


def build_image() -> None:
    """Build the image, and say how large its layers are."""
    began = time.monotonic()
    docker("build", "--network=host", "--tag", IMAGE, str(ROOT))
    say(f"image built in {time.monotonic() - began:.0f} s; its layers:")
    for line in docker("history", "--no-trunc", "--format", "{{.Size}}\t{{.CreatedBy}}", IMAGE).splitlines():
        size, _, made_by = line.partition("\t")
        if size != "0B":
            say(f"  {size:>8}  {re.sub(r'^.*?#[(]nop[)] ', '', made_by)[:90] or 'the base image'}")


def read_ratings(path: Path | None) -> Ratings:
    """Read ratings from a file, or make some up."""
    if path is None:
        return tastes(n_users=300, n_items=180)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [(f"u{row['userId']}", row["movieId"], float(row["rating"])) for row in rows]


def try_single_container(deployment: Deployment, ratings: Ratings) -> None:
    """Bring the form with SQLite up, train, kill it once, and take it down."""
    deployment.compose("config", "--quiet")
    began = time.monotonic()
    with deployment.up(), deployment.client() as client:
        until(lambda: client.get("/users/nobody/recommendations").is_success, "the first answer")
        say(f"one container with SQLite: first answer {time.monotonic() - began:.1f} s after `up`")
        fill(client, ratings)
        count = "find $1 -name '*.nbc' | wc -l"
        count_in = ("exec", deployment.container("foldin"), "sh", "-c", count, "sh")
        in_image, in_use = docker(*count_in, "/opt/foldin"), docker(*count_in, "/data/.cache")
        assert in_image == in_use != "0", f"of {in_image} compiled kernels there are {in_use} after a training"
        deployment.until_healthy("foldin")
        seconds = deployment.kill("foldin")
        user, item, value = ratings[0]
        stored = accepted(client.get(f"/users/{user}/ratings", params={"n": 1000}))["items"]
        assert (item, value) in [(row["item_id"], row["value"]) for row in stored]
        assert accepted(client.get(f"/users/{user}/recommendations"))["strategy"] == "personal"
        say(f"killed: healthy again after {seconds:.1f} s, with its ratings and its model")


def maltreat(deployment: Deployment, ratings: Ratings) -> None:
    """Bring the deployment up, fill it, kill and restart its parts, and take it down."""
    deployment.compose("config", "--quiet")
    users = sorted({user for user, _, _ in ratings})
    began = time.monotonic()
    with deployment.up(), deployment.client() as client:
        until(lambda: client.get(f"/users/{users[0]}/recommendations").is_success, "the first answer")
        say(f"first answer {time.monotonic() - began:.1f} s after `up`")
        fill(client, ratings)
        deployment.until_healthy("proxy", *REPLICAS, "worker", "postgres")
        ask_both_replicas(deployment, client, users)
        with Load(deployment, len(users)) as load:
            kill(deployment, load, "api-1")
            kill(deployment, load, "worker")
            kill(deployment, load, "postgres")
            restart_in_turn(deployment, load)
        compare(client, load)
        say(f"asked {dict(load.counts)}; what failed: {dict(load.failures)}")


def fill(client: httpx.Client, ratings: Ratings) -> None:
    """Send ratings, have a model trained, and wait until it is served."""
    began = time.monotonic()
    for start in range(0, len(ratings), 10_000):
        rows = ratings[start : start + 10_000]
        body = [{"user_id": user, "item_id": item, "value": value} for user, item, value in rows]
        accepted(client.post("/ratings", json=body))
    say(f"{len(ratings):,} ratings stored in {time.monotonic() - began:.1f} s")
    began = time.monotonic()
    run = accepted(client.post("/training-runs", json={}))
    until(lambda: accepted(client.get(f"/training-runs/{run['id']}"))["status"] == "succeeded", "the training is done")
    version = accepted(client.get(f"/training-runs/{run['id']}"))["model_version"]
    # a proxy asks its replicas in turn, and each must have fetched the version
    until(lambda: {ready(client) for _ in range(6)} == {version}, "the version is served")
    say(f"trained and served {time.monotonic() - began:.1f} s after it was asked for")


def ask_both_replicas(deployment: Deployment, client: httpx.Client, users: Iterable[str]) -> None:
    """Get recommendations from each replica; what is rated at one counts at the other at once."""
    before = [deployment.n_answered(name) for name in REPLICAS]
    for user in list(users)[:10]:
        first = accepted(client.get(f"/users/{user}/recommendations"))
        assert first["strategy"] == "personal", first
        best = first["items"][0]["item_id"]
        accepted(client.post("/ratings", json={"user_id": user, "item_id": best, "value": 5.0}))
        for _ in REPLICAS:
            again = accepted(client.get(f"/users/{user}/recommendations"))
            assert best not in [item["item_id"] for item in again["items"]], "a rating did not count at once"
    answered = [deployment.n_answered(name) - count for name, count in zip(REPLICAS, before, strict=True)]
    assert min(answered) > 0, f"the replicas answered {answered}"
    say(f"recommendations came from both replicas: {answered}; every rating counted in the next answer of either")


def kill(deployment: Deployment, load: Load, service: str) -> None:
    """Kill a service under load: reads go on, and it comes back by itself."""
    before = load.counts.copy()
    seconds = deployment.kill(service)
    # without the database answers are given from the model, and those who wait for a write are told that it failed
    until(lambda: write_succeeds(deployment), "writes succeed again")
    time.sleep(2)
    counted = load.since(before)
    say(f"{service} killed: healthy again after {seconds:.1f} s; {dict(counted)}")
    assert counted["failed_reads"] == 0, load.failures
    assert counted["reads"] > 0
    if service == "postgres":
        assert counted["degraded"] > 0, "the database was away, and no answer said so"


def restart_in_turn(deployment: Deployment, load: Load) -> None:
    """Make each container of the release anew under load, as an upgrade does."""
    before, began = load.counts.copy(), time.monotonic()
    for service in (*REPLICAS, "worker"):
        deployment.compose("up", "--detach", "--no-deps", "--no-build", "--force-recreate", service)
        deployment.until_healthy(service)
    counted = load.since(before)
    say(f"all restarted in turn in {time.monotonic() - began:.1f} s: {dict(counted)}")
    assert counted["failed_reads"] + counted["failed_writes"] == 0, load.failures


def compare(client: httpx.Client, load: Load) -> None:
    """Nothing that was acknowledged is lost."""
    for user, expected in load.acknowledged.items():
        stored = accepted(client.get(f"/users/{user}/ratings", params={"n": 1000}))["items"]
        found = {row["item_id"]: row["value"] for row in stored}
        assert expected.items() <= found.items(), f"of {user}'s ratings some are lost"
    say(f"{sum(map(len, load.acknowledged.values())):,} acknowledged ratings of the load are all there")


def write_succeeds(deployment: Deployment) -> bool:
    with deployment.client() as client:
        return client.post("/ratings", json={"user_id": "probe", "item_id": "probe", "value": 1.0}).is_success


def ready(client: httpx.Client) -> object:
    return accepted(client.get("/health/ready"))["model_version"]


def accepted(response: httpx.Response) -> Any:
    assert response.is_success, f"{response.status_code}: {response.text[:300]}"
    return json.loads(response.text)


def say(line: str) -> None:
    """Print at once, for whoever waits."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
