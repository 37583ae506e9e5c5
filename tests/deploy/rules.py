"""Expressions of the rule files and of the dashboards."""
import json

import yaml

from conftest import DEPLOY


def rules(name):
    groups = yaml.safe_load((DEPLOY / "prometheus" / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboards():
    return {file.name: json.loads(file.read_text()) for file in sorted((DEPLOY / "grafana").glob("*.json"))}


def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def panel_expressions(dashboard):
    return [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]


def variable_expressions(dashboard):
    return [variable["definition"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]


def all_expressions():
    """With where each stands."""
    for name in ("alerts.rules.yaml", "cloudwatch.rules.yaml"):
        yield from ((f"{name}: {rule.get('alert') or rule['record']}", rule["expr"]) for rule in rules(name))
    for name, dashboard in dashboards().items():
        yield from ((name, expression) for expression in panel_expressions(dashboard) + variable_expressions(dashboard))
    scaled = yaml.safe_load((DEPLOY / "k8s/components/keda/scaled-object.yaml").read_text())
    yield from (("scaled-object.yaml", trigger["metadata"]["query"]) for trigger in scaled["spec"]["triggers"])
