"""What the browser tests do with an open notebook."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
IN_BROWSER = [
    pytest.mark.browser,
    pytest.mark.timeout(400),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]
PANEL = "window.jupyterapp?.shell.currentWidget"


@contextmanager
def opened(address: str, cells: int) -> Iterator:
    """The page of a notebook with more than `cells` cells, all of them run in a fresh kernel."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(90_000)
        page.goto(f"{address}?reset")
        page.wait_for_function(
            f"() => {PANEL}?.sessionContext?.session?.kernel?.connectionStatus === 'connected'"
            f" && {PANEL}.sessionContext.session.kernel.status === 'idle' && {PANEL}.model?.cells.length > {cells}"
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
