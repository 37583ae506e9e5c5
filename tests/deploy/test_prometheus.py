"""Alert rules and recording rules: they load, they do what their tests say, and they name what is there."""
import importlib.util
import re

import yaml
from conftest import DEPLOY, ROOT, run, tool
from rules import all_expressions, rules

FOLDER = DEPLOY / "prometheus"


def test_rules_and_configuration_load():
    run(tool("promtool"), "check", "rules", FOLDER / "alerts.rules.yaml", FOLDER / "cloudwatch.rules.yaml")
    run(tool("promtool"), "check", "config", FOLDER / "prometheus.yaml")


def test_rules_do_what_their_tests_say():
    run(tool("promtool"), "test", "rules", FOLDER / "alerts.test.yaml", FOLDER / "cloudwatch.test.yaml")


def test_every_alert_has_a_test_in_which_it_fires():
    tests = yaml.safe_load((FOLDER / "alerts.test.yaml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules("alerts.rules.yaml")}


def test_every_alert_has_its_section_in_the_runbooks():
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs/runbooks.md").read_text(), re.M)
    for rule in rules("alerts.rules.yaml"):
        assert rule["alert"] in headings, f"docs/runbooks.md says nothing about {rule['alert']}"
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("warning", "critical") and rule["annotations"]["summary"]
    assert set(headings) == {rule["alert"] for rule in rules("alerts.rules.yaml")}, "a runbook without an alert"


def test_expressions_name_metrics_and_labels_that_exist(metrics):
    for where, expression in all_expressions():
        named = metrics.named_in(expression)
        assert named or "up{" in expression or "label_values" in expression, f"{where}: {expression}"
        for family in named:
            assert family in metrics.kinds, f"{where} names {family}, which docs/metrics.md does not have"
        for series, labels in re.findall(r"\b((?:baton|process)_\w+)\{([^}]*)\}", expression):
            known = metrics.labels[metrics.family(series)] | {"job", "instance", "namespace", "le"}
            used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels))
            assert used <= known, f"{where}: {series} has no label {used - known}"


def test_every_metric_of_cloudwatch_in_the_table_is_recorded(metrics):
    promised = {f"aws_states:{name}" for names in metrics.cloudwatch.values() for name in names}
    assert {rule["record"] for rule in rules("cloudwatch.rules.yaml")} == promised


def test_the_operators_resource_is_made_from_the_rule_files():
    spec = importlib.util.spec_from_file_location("generate_rule", FOLDER / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert (FOLDER / "prometheus-rule.yaml").read_text() == generate.rule(), "python deploy/prometheus/generate.py writes it anew"
    groups = yaml.safe_load(generate.rule())["spec"]["groups"]
    assert sum(len(group["rules"]) for group in groups) == len(rules("alerts.rules.yaml")) + len(rules("cloudwatch.rules.yaml"))
