"""The files for running it: they come with the product, and name what there is."""

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from b2bua.commands.deploy_files import SHIPPED, shipped_text
from b2bua.config.sections import CallsSection
from control_api.metric_texts import METRIC_TEXTS
from tests.commands.conftest import Desk
from tests.support.service_under_test import service_under_test, trunk

NAME = re.compile(r"\b(?:maskbridge|process)_[a-z0-9_]+\b")
UNIT = "maskbridge.service"
# Told where there is such a certificate, and with equal labels: arithmetic on both at once is an error in Prometheus.
OF_CERTIFICATES = {f"maskbridge_{kind}_certificate_expires_at_seconds" for kind in ("api", "sip")}
BOTH_RUN_OUT = """
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: maskbridge_api_certificate_expires_at_seconds, values: 600000x20}
      - {series: maskbridge_sip_certificate_expires_at_seconds, values: EXPIRES_ATx20}
    promql_expr_test:
      - expr: count(ALERTS{alertname="MaskbridgeCertificateRunsOut"})
        eval_time: 10m
        exp_samples: [{labels: "{}", value: 1}]
"""
REFUSED = """
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'maskbridge_trunk_calls_placed_total{instance="m", trunk="carrier"}', values: 0+4x40}
      - {series: 'maskbridge_trunk_calls_failed_total{instance="m", trunk="carrier", cause="4xx"}', values: FAILED}
    promql_expr_test:
      - expr: count(ALERTS{alertname="MaskbridgeTrunkRefuses", alertstate="firing"}) or vector(0)
        eval_time: 30m
        exp_samples: [{labels: "{}", value: TOLD}]
"""


def expressions(name: str) -> list[str]:
    """What the dashboard or the rules ask Prometheus."""
    if name.endswith(".json"):
        panels = json.loads(shipped_text(name))["panels"]
        return [target["expr"] for panel in panels for target in panel["targets"]]
    (group,) = yaml.safe_load(shipped_text(name))["groups"]
    return [rule["expr"] for rule in group["rules"]]


async def test_every_metric_that_dashboard_and_rules_name_is_told(tmp_path: Path) -> None:
    async with service_under_test(tmp_path, [trunk("carrier", 5060)]) as service:
        reply = await service.client.fetch(f"{service.url}/metrics")
    told: set[str] = set()
    families = list(text_string_to_metric_families(reply.body.decode()))
    for family in families:
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        told |= {family.name + ending for ending in endings}
    told |= OF_CERTIFICATES
    for name in ("grafana-dashboard.json", "prometheus-alerts.yml"):
        asked = {metric for expression in expressions(name) for metric in NAME.findall(expression)}
        assert len(asked) > 10
        assert asked - told == set(), f"{name} asks for what is not told"
    without = {
        family.name
        for family in families
        if family.name.startswith("maskbridge_")
        and family.documentation.replace(" ", "_") in (family.name.removeprefix("maskbridge_"), "")
    }
    assert without == set(), "figures that say no more than their name"
    assert {family.type for family in families if family.name.endswith("_media_listeners")} == {"gauge"}


def test_no_rule_picks_figures_of_several_names_at_once() -> None:
    assert [asked for asked in expressions("prometheus-alerts.yml") if "__name__" in asked] == []
    (asked,) = [each for each in expressions("prometheus-alerts.yml") if "certificate" in each]
    assert set(NAME.findall(asked)) == OF_CERTIFICATES <= {f"maskbridge_{name}" for name in METRIC_TEXTS}


def test_a_trunk_that_refuses_every_call_is_told_of_whatever_it_answers() -> None:
    """Each 403 by itself may be the callee's word: such a trunk is up, and nothing else tells of it."""
    (asked,) = [each for each in expressions("prometheus-alerts.yml") if "trunk_calls_failed_total[" in each]
    assert "cause" not in asked


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
@pytest.mark.parametrize(("failed", "told"), [("0+4x40", "1"), ("0+3x40", "0")])
def test_trunks_that_refuse_nearly_every_call_are_told_of_and_busy_people_are_not(
    failed: str, told: str, tmp_path: Path
) -> None:
    rules, tests = tmp_path / "rules.yml", tmp_path / "tests.yml"
    rules.write_text(shipped_text("prometheus-alerts.yml"))
    tests.write_text(REFUSED.replace("RULES", str(rules)).replace("FAILED", failed).replace("TOLD", told))
    tried = subprocess.run(
        ["promtool", "test", "rules", str(tests)], capture_output=True, text=True, timeout=30, check=False
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
@pytest.mark.parametrize("expires_at", ["600000", "90000000"])
def test_certificates_that_run_out_are_told_whether_one_or_both_do(tmp_path: Path, expires_at: str) -> None:
    rules, tests = tmp_path / "rules.yml", tmp_path / "tests.yml"
    rules.write_text(shipped_text("prometheus-alerts.yml"))
    tests.write_text(BOTH_RUN_OUT.replace("RULES", str(rules)).replace("EXPIRES_AT", expires_at))
    tried = subprocess.run(
        ["promtool", "test", "rules", str(tests)], capture_output=True, text=True, timeout=30, check=False
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_a_failing_trunk_is_told_by_what_is_not_the_callee_s_word() -> None:
    """401 and 407 are counted apart as `credentials`; the rest of 4xx, and 6xx, is mostly the callee's."""
    (asked,) = [each for each in expressions("prometheus-alerts.yml") if "trunk_calls_failed_total{" in each]
    (left_out,) = re.findall(r'cause!~"([^"]*)"', asked)
    told = ("4xx", "5xx", "6xx", "503", "credentials", "no_response", "transport", "media")
    assert [cause for cause in told if re.fullmatch(left_out, cause)] == ["4xx", "6xx"]


def test_the_rules_are_whole_and_named_once() -> None:
    (group,) = yaml.safe_load(shipped_text("prometheus-alerts.yml"))["groups"]
    rules = group["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    assert all(rule["labels"]["severity"] in ("warning", "critical") for rule in rules)
    assert all(set(rule["annotations"]) == {"summary", "description", "action"} for rule in rules)
    assert all(text.strip() for rule in rules for text in rule["annotations"].values())
    assert all(expression.count("(") == expression.count(")") for expression in expressions("prometheus-alerts.yml"))


def test_panels_of_the_dashboard_do_not_lie_on_each_other() -> None:
    panels = json.loads(shipped_text("grafana-dashboard.json"))["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(shipped_text(UNIT))
    return parser


def test_the_unit_waits_for_the_drain() -> None:
    service = unit()["Service"]
    assert float(service["TimeoutStopSec"]) > CallsSection().drain_timeout_s + 15
    assert service["KillMode"] == "mixed", "the first SIGTERM is for the server alone, not for its MP3 workers"


def test_a_container_is_not_killed_while_it_drains() -> None:
    (given,) = re.findall(r"podman run --network=host .*--stop-timeout=(\d+) ", shipped_text("Containerfile"))
    assert float(given) > CallsSection().drain_timeout_s + 15


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_understands_the_unit_and_finds_it_closed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/systemd/system").mkdir(parents=True)
    program = root / "opt/maskbridge/bin/maskbridge"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    file = tmp_path / UNIT
    file.write_text(shipped_text(UNIT).replace("/opt/maskbridge/bin/maskbridge", str(program)))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, timeout=30, check=False
    )
    complaints = [line for line in verified.stderr.splitlines() if UNIT in line]
    assert complaints == []
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", str(file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    overall = re.search(r"exposure level for \S+: ([0-9.]+)", judged.stdout)
    assert overall is not None, judged.stderr
    assert float(overall.group(1)) <= 2.0


def test_each_file_is_shown_as_it_is(desk: Desk) -> None:
    listed = desk.json("deploy", "list")["data"]
    assert [row["name"] for row in listed] == list(SHIPPED)
    for name in SHIPPED:
        status, out, err = desk.type("deploy", "show", name)
        assert (status, err) == (0, "")
        assert out == shipped_text(name)
    assert "there are: maskbridge.service" in desk.refused("deploy", "show", "nothing")


def test_the_layout_names_only_commands_and_keys_that_there_are(desk: Desk) -> None:
    text = shipped_text("layout.md")
    for command in set(re.findall(r"maskbridge (init|check|backup|deploy|serve)", text)):
        status, out, _err = desk.type(command, "--help", config=False)
        assert status == 0
        assert "usage" in out
