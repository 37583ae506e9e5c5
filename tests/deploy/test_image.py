"""The image: whole, small, without a shell, and nobody's root."""
import json
import os
import shutil
import subprocess
import time
import urllib.request

import pytest
from conftest import DEPLOY, run

USER = "65532:65532"


@pytest.fixture(scope="module")
def binary(request):
    path = request.config.getoption("--baton")
    assert os.access(path, os.X_OK), f"{path} is not there: cargo build makes it"
    return path


@pytest.fixture(scope="module")
def root(binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("image") / "root"
    run(DEPLOY / "docker/rootfs.sh", binary, folder)
    return folder


def test_it_has_the_binary_its_libraries_and_little_else(root):
    files = {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}
    expected = {"usr/bin/baton", "etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/ssl/certs/ca-certificates.crt", ".baton-image"}
    assert {file for file in files - expected if ".so" not in file} == set()
    assert len(files) < 20 and not any(file.endswith("/sh") for file in files)


def test_a_folder_of_somebody_else_is_not_removed(binary, tmp_path):
    (tmp_path / "precious").write_text("x")
    done = subprocess.run([DEPLOY / "docker/rootfs.sh", binary, tmp_path], capture_output=True, text=True)
    assert done.returncode == 1 and "was not made by this script" in done.stderr
    assert (tmp_path / "precious").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot wants root")
def test_it_serves_with_nothing_but_what_is_in_it(root):
    """As the container runs it: that root, that user, no environment."""
    command = ["chroot", f"--userspec={USER}", str(root), "/usr/bin/baton", "up", "/var/lib/baton", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/sbin:/usr/bin:/bin"})
    try:
        ready = server.stdout.readline()
        assert ready.startswith("baton ready http://"), f"{ready}{server.stderr.read() if server.poll() is not None else ''}"
        for probe in ("startupz", "livez", "readyz"):
            assert urllib.request.urlopen(f"{ready.split()[-1]}/{probe}", timeout=10).read() == b"ok"
    finally:
        server.terminate()
        assert server.wait(60) == 0
    assert (root / "var/lib/baton/.baton").is_dir()


@pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed; deploy/docker/build.sh installs it")
def test_buildah_builds_it_from_nothing(binary, tmp_path):
    """In a storage of its own, so that nothing of it stays."""
    environment = {**os.environ, "STORAGE_DRIVER": "vfs", "CONTAINERS_STORAGE_CONF": str(tmp_path / "storage.conf")}
    (tmp_path / "storage.conf").write_text(f'[storage]\ndriver = "vfs"\nrunroot = "{tmp_path}/run"\ngraphroot = "{tmp_path}/graph"\n')
    began = time.monotonic()
    run(DEPLOY / "docker/build.sh", binary, "baton:test", env=environment)
    image = json.loads(run("buildah", "inspect", "--type", "image", "baton:test", env=environment))
    config = image["OCIv1"]["config"]
    assert (config["User"], config["Entrypoint"], config["StopSignal"]) == (USER, ["/usr/bin/baton"], "SIGTERM")
    assert list(config["ExposedPorts"]) == ["8083/tcp"]
    assert len(image["OCIv1"]["rootfs"]["diff_ids"]) == 1
    assert time.monotonic() - began < 120
