"""A student opens walkthrough 03 in JupyterLab, runs it all, drags a slider, and steps through the animation."""

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

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(400),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]
NOTEBOOK = "03_split_conv_merge.ipynb"
PANEL = "window.jupyterapp.shell.currentWidget"
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


@pytest.fixture(scope="module")
def page(server: str) -> Iterator:
    """Walkthrough 03, all cells run in a fresh kernel."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(90_000)
        page.goto(f"{server}/lab/tree/notebooks/{NOTEBOOK}?reset")
        page.wait_for_function(
            f"() => {PANEL}?.sessionContext?.session?.kernel?.connectionStatus === 'connected'"
            f" && {PANEL}.sessionContext.session.kernel.status === 'idle' && {PANEL}.model?.cells.length > 20"
        )
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        page.wait_for_function(
            f"""() => {{
                const cells = Array.from({PANEL}.model.cells).filter((cell) => cell.type === 'code');
                return cells.every((cell) => cell.executionCount > 0 && cell.executionState !== 'running')
                    && {PANEL}.sessionContext.session.kernel.status === 'idle';
            }}""",
            timeout=180_000,
        )
        yield page
        browser.close()


def bring(page, source: str):
    """The cell with this in its source, scrolled into view: JupyterLab draws only the cells that are near."""
    place = page.evaluate(
        f"(source) => {PANEL}.content.widgets.findIndex((cell) => cell.model.sharedModel.source.includes(source))",
        source,
    )
    assert place >= 0, f"no cell holds {source!r}"
    page.evaluate(f"async (i) => {{ await {PANEL}.content.scrollToItem(i, 'start'); }}", place)
    return page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{place}']")


def test_everything_runs_without_an_error(page):
    errors = page.evaluate(
        f"""() => Array.from({PANEL}.model.cells).flatMap((cell) => cell.toJSON().outputs || [])
            .filter((output) => output.output_type === 'error').map((output) => output.evalue)"""
    )
    assert errors == []


def test_the_slider_redraws_the_map(page):
    cell = bring(page, "interact(")
    picture = cell.locator("img[alt]").first
    picture.wait_for()
    before, words = picture.get_attribute("src"), cell.inner_text()
    assert "4 phases of x" in words
    handle = cell.locator(".noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    page.wait_for_function(
        "([node, old]) => ![null, undefined, old].includes(node.querySelector('img[alt]')?.src)",
        arg=[cell.element_handle(), before],
    )
    assert "9 phases of x" in cell.inner_text()


def test_the_animation_steps_by_button_and_by_key(page):
    from playwright.sync_api import expect

    cell = bring(page, "stepper(x")
    picture, caption = cell.locator("svg[role='img']").first, cell.locator(".caption").first
    seen = "(svg) => [...svg.querySelectorAll('g:not(.gone)')].map((g) => [g.className.baseVal, g.style.cssText])"

    def at(step: int) -> list:
        expect(caption).to_contain_text(f"Step {step} of", timeout=20_000)
        return picture.evaluate(seen)

    start = at(1)
    cell.get_by_role("button", name="Next", exact=True).click()
    assert at(2) != start
    cell.locator("input[type='range']").first.focus()
    page.keyboard.press("ArrowRight")
    assert at(3) != start
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    assert at(1) == start
