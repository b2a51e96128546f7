"""JupyterLab as a student has it, for the tests in a real browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

QUIET = {"@jupyterlab/apputils-extension:notification": '{"fetchNews": "false", "checkForUpdates": false}'}


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab on a copy of the notebooks, at an address of this machine, without a token."""
    home = tmp_path_factory.mktemp("lab")
    for folder in ("notebooks", "figures"):
        shutil.copytree(root / folder, home / folder)
    for name, text in QUIET.items():
        package, _, plugin = name.partition(":")
        settings = home / "settings" / package / f"{plugin}.jupyterlab-settings"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(text)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        f"--ServerApp.root_dir={home}", "--IdentityProvider.token=", "--ServerApp.password=", "--allow-root",
        "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    folders = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = {**os.environ, **folders, "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "PYTHONPATH": str(root)}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=2).read()
                break
            except OSError:
                assert process.poll() is None, (home / "log").read_text()[-2000:]
                time.sleep(0.5)
        else:
            pytest.fail("JupyterLab did not answer in 60 s:\n" + (home / "log").read_text()[-2000:])
        yield address
    finally:
        process.terminate()
        process.wait(20)
