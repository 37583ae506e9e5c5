"""Dashboards: as their script makes them, portable between Grafanas, and of expressions that Prometheus understands."""
import importlib.util
import re

import yaml
from conftest import DEPLOY, run, tool
from rules import dashboards, panel_expressions, panels

FOLDER = DEPLOY / "grafana"


def test_files_are_what_the_script_makes():
    spec = importlib.util.spec_from_file_location("generate_dashboards", FOLDER / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    made = generate.dashboards()
    assert set(made) == set(dashboards())
    for name, text in made.items():
        assert (FOLDER / name).read_text() == text, f"python deploy/grafana/generate.py writes {name} anew"
    assert set(made) == set(yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["configMapGenerator"][0]["files"])


def test_they_can_be_carried_from_one_grafana_to_another():
    assert len({dashboard["uid"] for dashboard in dashboards().values()}) == len(dashboards()) == 5
    for name, dashboard in dashboards().items():
        assert re.fullmatch(r"baton-[a-z-]{1,34}", dashboard["uid"]) and "id" not in dashboard
        assert [variable["name"] for variable in dashboard["templating"]["list"]][:3] == ["datasource", "namespace", "instance"]
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(ids)) == len(ids)
        for panel in panels(dashboard):
            sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
            assert all(source["uid"] == "${datasource}" for source in sources), f"{name}: {panel['title']}"


def test_panels_do_not_lie_on_each_other():
    for name, dashboard in dashboards().items():
        cells = set()
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            assert at["x"] + at["w"] <= 24
            own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not cells & own, f"{name}: {panel['title']} lies on another"
            cells |= own


def test_prometheus_understands_every_expression(tmp_path):
    """promtool reads rules, so each expression becomes one."""
    recorded = []
    for name, dashboard in dashboards().items():
        for expression in panel_expressions(dashboard):
            plain = re.sub(r"\$__rate_interval", "5m", expression)
            assert 'namespace=~"$namespace"' in plain, f"{name} has a panel for all namespaces: {expression}"
            recorded.append({"record": f"panel:{len(recorded)}", "expr": re.sub(r"\$\w+", "x", plain)})
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    run(tool("promtool"), "check", "rules", file)
