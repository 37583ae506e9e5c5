"""AWS SDK for JavaScript v3, as the lock file pins it."""
from sdk import HERE, drive, need, run


def install():
    """`npm ci`, unless what is installed is newer than the lock file."""
    lock = HERE / "javascript/package-lock.json"
    installed = HERE / "javascript/node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        run(["npm", "ci", "--no-audit", "--no-fund"], "javascript", 300)


def test_javascript(server):
    need("node", "npm")
    install()
    drive(server, ["node", "--no-warnings", "main.js"], "javascript")
