"""AWS SDK for JavaScript v3, as the lock file pins it."""
from sdk import drive, need, run


def test_javascript(server):
    need("node", "npm")
    run(["npm", "ci", "--no-audit", "--no-fund"], "javascript", 300)
    drive(server, ["node", "--no-warnings", "main.js"], "javascript")
