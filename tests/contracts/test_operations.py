"""The example alerts ask for numbers that exist, and the operator's page explains each of them."""

import re
from pathlib import Path

import yaml

from app.api.metrics import Metrics
from app.api.monitoring import _training

DOCS = Path(__file__).parents[2] / "docs"
ALERTS = {
    rule["alert"]: rule["expr"]
    for group in yaml.safe_load((DOCS / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}


def test_every_number_in_an_alert_exists():
    known = {family.name for family in Metrics().registry.collect()} | {family.name for family in _training([])}
    known |= {"foldin_model_age_seconds"}
    used = {
        re.sub("_(total|bucket)$", "", name) for expr in ALERTS.values() for name in re.findall(r"foldin_\w+", expr)
    }
    assert used
    assert used <= known


def test_every_alert_is_explained():
    explained = re.findall(r"^\| (Foldin\w+) \|", (DOCS / "operations.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(ALERTS)
