"""Alerts and dashboards: promtool, Grafana's own types, and metrics that are really exported."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from images.stub.lmdeploy_stub.http.metrics import Metrics as EngineMetrics
from images.stub.lmdeploy_stub.load import Load
from internvl_operator.api.parsing import parse
from internvl_operator.api.reasons import Reason
from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.models import INTERNVL2, SERIES
from internvl_operator.manifests.objects.horizontalpodautoscaler import WAITING_REQUESTS_METRIC
from internvl_operator.planner.document import plan_document
from internvl_operator.planner.load.speed_of_plan import with_speed
from internvl_operator.planner.request import request_of
from internvl_operator.runtime.monitoring.metrics import Metrics
from tests.chart.helm.tools import CHART, ROOT, of_kind, rendered, run
from tests.cluster.specs.table import resource
from tests.rendering import plan_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prometheus_client import CollectorRegistry

RULES = CHART / "files" / "rules.yaml"
ALERTS_TEST = ROOT / "tests" / "chart" / "alerts_test.yaml"
ADAPTER = CHART / "files" / "prometheus-adapter.yaml"
STATE_METRICS = CHART / "files" / "kube-state-metrics.yaml"
DASHBOARDS = sorted((CHART / "files" / "dashboards").glob("*.json"))

METRIC = re.compile(r"\b(?:internvl_(?!dev_)|lmdeploy:)\w+")
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
}


def exported(registry: CollectorRegistry) -> set[str]:
    """Return the names of the series that a registry exports."""
    return {f"{metric.name}{suffix}" for metric in registry.collect() for suffix in SUFFIXES[metric.type]}


def state_metrics() -> dict[str, list[str]]:
    """Return where kube-state-metrics finds the value of each series that it exports for the operator."""
    (resource,) = yaml.safe_load(STATE_METRICS.read_text())["spec"]["resources"]
    return {
        f"{resource['metricNamePrefix']}_{metric['name']}": [
            *metric["each"]["gauge"]["path"],
            *metric["each"]["gauge"]["valueFrom"],
        ]
        for metric in resource["metrics"]
    }


EXPORTED = (
    exported(Metrics().registry)
    | exported(EngineMetrics((0, 18, 0), "m", Load()).registry)
    | set(state_metrics())
)


def expressions() -> Iterator[Any]:
    """Every expression of the rules, the adapter's rule and the dashboards."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield pytest.param(_without_recorded(rule["expr"]), id=rule.get("alert") or rule["record"])
    for rule in yaml.safe_load(ADAPTER.read_text())["rules"]:
        yield pytest.param(rule["seriesQuery"] + rule["metricsQuery"], id=rule["name"]["as"])
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield pytest.param(target["expr"], id=f"{path.stem}: {panel['title']} {target['refId']}")
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                yield pytest.param(variable["query"]["query"], id=f"{path.stem}: ${variable['name']}")


def _without_recorded(expression: str) -> str:
    """Return an expression with those of the recording rules that it names in place of their names."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            if "record" in rule and rule["record"] in expression:
                expression = _without_recorded(expression.replace(rule["record"], f"({rule['expr']})"))
    return expression


def test_what_kube_state_metrics_exports_is_in_every_resource_with_a_load() -> None:
    spec = {"size": "8B", "replicas": 2, "suspend": False, "load": {"requestsPerSecond": 2.5}}
    request = request_of(parse(resource(spec)).spec)
    document = plan_document(with_speed(plan_of(spec), request))
    body: Any = {"spec": spec, "status": {"plan": document}}
    for path in state_metrics().values():
        value = body
        for key in path:
            value = value[key]
        assert isinstance(value, int | float)


def test_the_installed_configuration_of_kube_state_metrics_is_the_checked_one() -> None:
    (config,) = [
        config
        for config in of_kind(rendered(settings=["kubeStateMetrics.enabled=true"]), "ConfigMap")
        if config["metadata"]["name"].endswith("-kube-state-metrics")
    ]
    assert yaml.safe_load(config["data"]["config.yaml"]) == yaml.safe_load(STATE_METRICS.read_text())


@pytest.mark.parametrize("expression", list(expressions()))
def test_every_metric_is_one_that_the_operator_or_lmdeploy_0_18_exports(expression: str) -> None:
    used = set(METRIC.findall(expression))
    assert used
    assert used <= EXPORTED


def test_the_adapter_serves_the_metric_that_the_autoscalers_ask_for() -> None:
    (rule,) = yaml.safe_load(ADAPTER.read_text())["rules"]
    assert rule["name"]["as"] == WAITING_REQUESTS_METRIC
    assert set(METRIC.findall(rule["metricsQuery"])) == set(engine("0.18.0").waiting_requests_metrics)


def test_no_reason_of_a_ready_model_is_an_alarm() -> None:
    package = ROOT / "operator" / "internvl_operator"
    source = "".join((package / module).read_text() for module in ("status.py", "conditions.py"))
    ready = sorted({Reason[name] for name in re.findall(r'Condition\("Ready", True, Reason\.(\w+)', source)})
    assert len(ready) == 3
    for file in (RULES, CHART / "files" / "dashboards" / "operator.json"):
        assert f'reason!~"{"|".join(ready)}"' in file.read_text().replace("\\", "")


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    assert "SUCCESS" in run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_the_alerts_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    for file in (RULES, ALERTS_TEST):
        shutil.copy(file, tmp_path)
    assert "SUCCESS" in run("promtool", "test", "rules", tmp_path / ALERTS_TEST.name)


def test_every_alert_has_a_unit_test_in_which_it_fires() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    tests = yaml.safe_load(ALERTS_TEST.read_text())["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", [])]
    fired = {case["alertname"] for case in cases if case["exp_alerts"]}
    assert fired == alerts


def test_the_installed_rules_are_the_checked_ones() -> None:
    (rule,) = of_kind(rendered(settings=["prometheusRule.enabled=true"]), "PrometheusRule")
    assert rule["spec"] == yaml.safe_load(RULES.read_text())


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafana_loads_a_dashboard_and_loses_nothing_of_it(path: Path) -> None:
    register_default_plugins()
    written = json.loads(path.read_text())
    loaded = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(written)))
    assert lost(written, loaded) == []


def test_the_dashboard_of_the_models_offers_every_series() -> None:
    dashboard = json.loads((CHART / "files" / "dashboards" / "models.json").read_text())
    (variable,) = [each for each in dashboard["templating"]["list"] if each["name"] == "series"]
    # The first series has no label, which an empty text matches.
    assert variable["query"].replace(f"{INTERNVL2} : ^$", INTERNVL2).split(",") == list(SERIES)
    shown = "".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    selectors = re.findall(r"lmdeploy:\w+\{([^}]*)\}", shown)
    assert selectors
    assert all('internvl_dev_series=~"$series"' in selector for selector in selectors)


WANTED = {
    "models": {
        "ready and wanted replicas": ("lmdeploy:num_requests_running", "internvl_planned_replicas"),
        "memory of the GPUs": ("DCGM_FI_DEV_FB_USED",),
        "hits of the prefix cache": ("lmdeploy:prefix_cache_hit_rate",),
    },
    "operator": {
        "leader": ("internvl_leader",),
        "refused statuses": ("internvl_status_refusals_total",),
        "alerts": ("alertlist", "InternVL.+"),
    },
}
"""What people who run models look for on a dashboard, and the words of the panel that has it."""


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_what_people_look_for_and_leads_on(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    panels = [json.dumps(panel) for panel in dashboard["panels"]]
    lacking = {
        what
        for what, words in WANTED[path.stem].items()
        if not any(all(word in panel for word in words) for panel in panels)
    }
    assert lacking == set()
    assert any(link["url"].endswith("docs/alerts.md") for link in dashboard["links"])
    # Two namespaces may serve models of one name.
    grouped = re.findall(r"by \(([^)]*)\) \(rate\(lmdeploy:", "".join(panels))
    assert all("namespace" in labels for labels in grouped)
    # A gauge that counts since the start says nothing of now.
    assert all("lmdeploy:num_requests_failed" not in panel or "delta(lmdeploy" in panel for panel in panels)


def lost(written: Any, loaded: Any, path: str = "") -> list[str]:
    """Return what of a document is not in what was read of it."""
    match written, loaded:
        case dict(), dict():
            return [
                problem
                for key, value in written.items()
                for problem in (
                    lost(value, loaded[key], f"{path}.{key}") if key in loaded else [f"{path}.{key}"]
                )
            ]
        case list(), list() if len(written) == len(loaded):
            return [
                problem
                for index, (first, second) in enumerate(zip(written, loaded, strict=True))
                for problem in lost(first, second, f"{path}[{index}]")
            ]
    return [] if written == loaded else [path]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_overlap(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(path.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (column, row)
            for column in range(place["x"], place["x"] + place["w"])
            for row in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(column for column, _ in cells) < 24
        taken |= cells


def test_the_installed_dashboards_are_these() -> None:
    installed = [
        config
        for config in of_kind(rendered(settings=["grafanaDashboards.enabled=true"]), "ConfigMap")
        if "grafana_dashboard" in config["metadata"]["labels"]
    ]
    contents = {name: text for config in installed for name, text in config["data"].items()}
    assert {name: json.loads(text) for name, text in contents.items()} == {
        path.name: json.loads(path.read_text()) for path in DASHBOARDS
    }
