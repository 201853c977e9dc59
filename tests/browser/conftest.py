"""A real Chromium without a window, and a page in it whose every request and complaint is written down."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from leakcheck.reporters.html.page import render_report
from tests.unit.shown import SHOWN, with_text

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u202e"


@dataclass(slots=True)
class Opened:
    """A page that was opened."""

    page: Any
    address: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def refuse(self, dialog: Any) -> None:
        """Write down that a dialog was opened, and close it."""
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def unfold(self, panel: str) -> None:
        """Open a flamegraph, and wait until it is drawn: the page hears of it only after the click."""
        self.page.click(f"{panel} > summary")
        self.page.locator(f"{panel} .box").first.wait_for()

    def unfold_all(self) -> None:
        """Open all that is folded, and wait until each flamegraph is drawn."""
        self.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        self.page.wait_for_function(
            "[...document.querySelectorAll('details.flame')].every((panel) => panel.querySelector('.box'))"
        )

    def read(self, where: str, beginning: str) -> str:
        """Return the text there, once it begins so: what a pointer does is told with the next frame."""
        self.page.wait_for_function(
            "([where, beginning]) => document.querySelector(where).innerText.startsWith(beginning)",
            arg=[where, beginning],
        )
        text: str = self.page.inner_text(where)
        return text

    def is_clean(self) -> bool:
        """Tell whether nothing was asked for but the file itself, and nobody complained."""
        assert self.complaints == []
        assert {address.split("#")[0] for address in self.requests} == {self.address}
        return True


@pytest.fixture(scope="module")  # its event loop runs until then, and Django would refuse to work beside it
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven from outside."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    # root has no sandbox, and a container little shared memory
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")  # its event loop runs until then, and Django would refuse to work beside it
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports as files: of a run with all that there is to show, and of the same with a stranger's text in it."""
    folder = tmp_path_factory.mktemp("reports")
    paths = {}
    for name, run in (("shown", SHOWN), ("hostile", with_text(SHOWN, HOSTILE))):
        [(_, content)] = render_report(run)
        paths[name] = folder / f"{name}.html"
        paths[name].write_bytes(content)
    return paths


@pytest.fixture
def opened(chromium: Any, reports: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[Opened]:
    """The report in a window of its own; a test says with `window` how wide, in which scheme, and which report."""
    marker = request.node.get_closest_marker("window")
    said = {"report": "shown", "width": 1280, "scheme": "light", **(marker.kwargs if marker else {})}
    context = chromium.new_context(
        viewport={"width": said["width"], "height": 900}, color_scheme=said["scheme"], has_touch=said["width"] < 500
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    found = Opened(page=page, address=reports[said["report"]].as_uri())
    page.on("request", lambda one: found.requests.append(one.url))
    page.on("console", lambda one: found.complaints.append(f"{one.type}: {one.text}"))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("dialog", lambda dialog: found.refuse(dialog))
    page.goto(found.address)
    yield found
    context.close()
