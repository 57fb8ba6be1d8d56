"""The HTML report with injections in every text that others wrote: it holds no element and no attribute of theirs, and
in a browser nothing runs and no request leaves.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.unit.evaluation.conftest import *  # noqa: F403
from tests.unit.evaluation.evaluation_samples import numbered
from tests.unit.security.hostile_server import hostile_server
from toolkit.evaluation.inputs import human_system, read_references, read_system
from toolkit.evaluation.report import render_html, render_markdown
from toolkit.evaluation.results import evaluate_systems
from toolkit.options.evaluation import MetricOptions
from toolkit.results.document import Results
from toolkit.runs.recorder import Recorder

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
RAN = "STEPTUNE_RAN"
RUN = f"document.documentElement.setAttribute('data-ran','{RAN}');fetch('URL/fetched')"
INJECTIONS = (
    f"<script>{RUN}</script>",
    f"</pre></article><script>{RUN}</script>",
    f'<img src=URL/img onerror="{RUN}">',
    f'"><svg onload="{RUN}"><use href=URL/use>',
    f'<iframe src="javascript:{RUN}"></iframe><iframe src=URL/frame></iframe>',
    f"</title></style><script>{RUN}</script>",
    "<link rel=stylesheet href=URL/css><style>@import 'URL/import';body{background:url(URL/bg)}</style>",
    "<meta http-equiv=refresh content='0;url=URL/refresh'><base href=URL/>",
    f'<details open ontoggle="{RUN}"><form action=URL/form><button autofocus onfocus="{RUN}">',
    "<object data=URL/object></object><embed src=URL/embed><video src=URL/video autoplay></video>",
    f'{{{{ 7*7 }}}}{{% for x in () %}}<a href="javascript:{RUN}" ping=URL/ping>x</a>',
    f"\u2028<sCrIpT/x>{RUN}</sCrIpT\n>",
)
STRANGE = {
    "script",
    "img",
    "iframe",
    "link",
    "base",
    "object",
    "embed",
    "form",
    "button",
    "video",
    "details",
    "use",
    "a",
}


class Parsed(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.update(name for name, _ in attrs)


@pytest.fixture
def make_report(test_set: Callable[..., Path], tiny_bert: Path) -> Callable[[str], Results]:
    def make(url: str) -> Results:
        hostile = [text.replace("URL", url) for text in INJECTIONS]
        name = f"tuned<script>{RUN}</script>".replace("URL", url).replace("/", "\u2215")
        references = [numbered(text, "Go on.") for text in hostile]
        folder = test_set(references, {"baseline": hostile, name: references})
        for file in folder.rglob("*.jsonl"):
            file.write_text(file.read_text("utf-8").replace('"How ', '"<script>fetch()</script>How '), "utf-8")
        items, source = read_references(folder / "dataset", "test")
        systems = [read_system(system, folder / system, items) for system in ("baseline", name)]
        options = MetricOptions(
            bertscore_model=str(tiny_bert), bertscore_cache=False, bootstrap_samples=100, sensitivity_items=0
        )
        return evaluate_systems(items, systems, human_system(items, source), options, Recorder(None))

    return make


def test_the_report_has_no_element_and_no_attribute_of_another(make_report: Callable[[str], Results]) -> None:
    results = make_report("http://127.0.0.1:9")
    html = render_html(results)
    found = Parsed()
    found.feed(html)
    assert not set(found.tags) & STRANGE
    assert found.tags["meta"] == 3  # charset, viewport, and the policy that forbids scripts and requests
    assert not any(name.startswith("on") or name in ("src", "href", "action", "ping") for name in found.attributes)
    assert html.index("Content-Security-Policy") < html.index("<title>")
    assert "<script" not in render_markdown(results).replace("\\<script", "")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed; `apt-get install chromium` brings one")
def test_in_a_browser_nothing_of_the_report_runs_and_no_request_leaves(
    make_report: Callable[[str], Results], tmp_path: Path
) -> None:
    with hostile_server() as server:
        file = tmp_path / "report.html"
        file.write_text(render_html(make_report(server.url)), "utf-8")
        shown = look(file, tmp_path)
        assert "rouge" in shown.lower()
        assert "data-ran" not in shown.split(">", 2)[1]
        assert server.asked == []
        # The look sees what it looks for: the same page with an injection left as it is, without the policy.
        open_page = tmp_path / "open.html"
        open_page.write_text(f"<!doctype html><html><body>{INJECTIONS[0].replace('URL', server.url)}</body></html>")
        assert f'data-ran="{RAN}"' in look(open_page, tmp_path)
        assert [path for _, path, _ in server.asked] == ["/fetched"]
        # And the policy alone stops a script that got through.
        server.asked.clear()
        policy = file.read_text("utf-8").partition("<meta http-equiv")[2].partition(">")[0]
        held = tmp_path / "held.html"
        held.write_text(f"<!doctype html><html><head><meta http-equiv{policy}></head>{open_page.read_text()}")
        assert "data-ran" not in look(held, tmp_path).partition("<body>")[0]
        assert server.asked == []


def look(file: Path, folder: Path) -> str:
    """The page as it stands after three seconds of its own time."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"]
    command += [
        "--disable-background-networking",
        "--virtual-time-budget=3000",
        f"--user-data-dir={folder / 'profile'}",
    ]
    done = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout
