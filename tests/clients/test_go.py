"""AWS SDK for Go v2, as go.sum pins it."""
import pytest
from sdk import drive, need, run

pytestmark = pytest.mark.heavy


def test_go(server, tmp_path):
    need("go")
    program = tmp_path / "driver"
    run(["go", "build", "-o", program, "."], "go", 600)
    drive(server, [program], "go")
