"""Makes the PrometheusRule of the operator from the rule files: `python deploy/prometheus/generate.py`. A test compares the two."""
from pathlib import Path

FOLDER = Path(__file__).parent
HEAD = """# Made by generate.py from alerts.rules.yaml and cloudwatch.rules.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: baton
  labels:
    app.kubernetes.io/name: baton
spec:
  groups:
"""


def rule():
    """The resource: the groups of all files, as they stand there."""
    groups = []
    for name in ("alerts.rules.yaml", "cloudwatch.rules.yaml"):
        lines = (FOLDER / name).read_text().splitlines()
        groups += lines[lines.index("groups:") + 1:]
    return HEAD + "".join(f"  {line}\n" if line else "\n" for line in groups)


if __name__ == "__main__":
    (FOLDER / "prometheus-rule.yaml").write_text(rule())
