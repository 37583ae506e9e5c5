"""What the tests of deploy/ share: the files there, and the table of metrics."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TOOLS = (ROOT / "target" / "tools", Path.home() / "go" / "bin")


def pytest_addoption(parser):
    parser.addoption("--baton", default=str(ROOT / "target/debug/baton"))


def tool(name):
    """A program that scripts/deploy_tools.sh installs."""
    path = os.pathsep.join([*map(str, TOOLS), os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=path)
    assert found, f"{name} is not there: scripts/deploy_tools.sh installs it"
    return found


def run(*command, **options):
    """Its output; fails with all of it."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Metrics:
    """The table of docs/metrics.md, which is made from the program's own."""

    ROW = re.compile(r"\| `(?P<name>\w+)` \| (?P<kind>\w+) \| (?P<labels>.*?) \| (?P<help>.*) \| (?P<cloudwatch>[^|]*) \|$")

    def __init__(self):
        self.kinds, self.labels, self.sections, self.cloudwatch = {}, {}, {}, {}
        section = None
        for line in (ROOT / "docs/metrics.md").read_text().splitlines():
            if line.startswith("## "):
                section = line[3:]
            elif row := self.ROW.match(line):
                name = row["name"]
                self.kinds[name], self.sections[name] = row["kind"], section
                self.labels[name] = set(re.findall(r"`(\w+)`", row["labels"]))
                self.cloudwatch[name] = re.findall(r"`(\w+)`", row["cloudwatch"])
        assert len(self.kinds) > 50, "docs/metrics.md is not as this expects it"

    def family(self, series):
        """The family of a series' name; histograms have three."""
        for suffix in ("_bucket", "_sum", "_count"):
            if series.endswith(suffix) and self.kinds.get(series.removesuffix(suffix)) == "histogram":
                return series.removesuffix(suffix)
        return series

    def named_in(self, expression):
        """Families that an expression of PromQL names."""
        return {self.family(name) for name in re.findall(r"\b(?:baton|process)_\w+", expression)}


@pytest.fixture(scope="session")
def metrics():
    return Metrics()
