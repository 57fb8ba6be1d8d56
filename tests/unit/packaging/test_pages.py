"""The pages say what the program does: each command is one that it takes, each link leads somewhere, each message that
is explained is one that it says, and each page stands in the site.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.command_lines import complaint
from tests.pages import HISTORY, ROOT, blocks, broken_links, commands, pages, without_code
from toolkit import catalog, config

PAGES = [path.relative_to(ROOT).as_posix() for path in pages()]
MANUAL = "examples/router.md"  # a source of documents
YAML = [(name, text) for name in PAGES for text in blocks(ROOT / name, "yaml")]
WORKFLOWS = [text for _, text in YAML if "\njobs:" in text]
CONFIGS = [(name, text) for name, text in YAML if text not in WORKFLOWS]
TROUBLES = ROOT / "docs" / "troubleshooting.md"
SAID = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in PAGES if name != HISTORY])
def test_every_command_of_a_page_is_one_that_the_program_takes(name: str) -> None:
    wrong = {
        f"{number}: {line}": said
        for number, line, is_named_only in commands(ROOT / name)
        if (said := wrong_with(line, is_named_only))
    }
    assert wrong == {}


def wrong_with(line: str, is_named_only: bool = False) -> str | None:
    """Also of a program in Python whether its file is there."""
    if line.startswith("python"):
        words = shlex.split(line, comments=True)
        return None if (ROOT / words[1]).exists() else f"there is no {words[1]}"
    return complaint(line, is_named_only)


def test_commands_are_found_in_pages_and_wrong_ones_are_told() -> None:
    found = [line for name in PAGES for _, line, _ in commands(ROOT / name)]
    assert len(found) > 300
    for line, said in (
        ("steptune rnu sft", "invalid choice"),
        ("steptune run sft --prset demo", "does not know --prset"),
        ("steptune run sft --preset quick", "no preset of sft named 'quick'"),
        ("steptune run stf", "no recipe named 'stf'"),
        ("steptune run sft --on gpu", "no accelerate config"),
        ("steptune run sft lora_rank=8", "sft has no option lora_rank"),
        ("steptune run sft --sweep lora_rank=8,16", "sft has no option lora_rank"),
        ("steptune run pipeline sft.lora_rank=8", "pipeline has no option sft.lora_rank"),
        ("steptune show", "arguments are required: RUN"),
        ("make dmo", "make has no target dmo"),
        ("python examples/none.py", "there is no examples/none.py"),
    ):
        assert said in (wrong_with(line) or ""), line
    for line in (
        "steptune run pipeline sft.preset=quality -- --main_process_port 1",
        "HF_HOME=x steptune runs",
        "git clone x",
    ):
        assert wrong_with(line) is None


@pytest.mark.parametrize(("name", "text"), CONFIGS)
def test_every_config_of_a_page_is_taken(name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the recipe that knows its keys, with the files that it names."""
    keys = set(yaml.safe_load(text)) - {"preset"}
    recipe = next(recipe for recipe in catalog.RECIPES if keys <= set(catalog.RECIPES[recipe].settings.model_fields))
    for path in re.findall(r"path: ([^\s,}]+)", text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).mkdir() if path.endswith("/") else (tmp_path / path).touch()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    given = ["sources=config.yaml"] if recipe == "data-build" and "sources" not in keys else []
    assert config.resolve(recipe, config_file=tmp_path / "config.yaml", overrides=given)


def test_the_workflow_of_a_page_installs_what_its_command_needs() -> None:
    (job,) = yaml.safe_load(WORKFLOWS[0])["jobs"].values()
    install, evaluate = (step["run"] for step in job["steps"] if "run" in step)
    assert complaint(evaluate) is None
    extras = set(install.partition("'.[")[2].partition("]'")[0].split(","))
    assert extras == {catalog.RECIPES["evaluate"].extra, "demo"}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_somewhere(name: str) -> None:
    assert list(broken_links(ROOT / name)) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_list_begins_behind_an_empty_line(name: str) -> None:
    """Code hosts draw it without one, the site does not."""
    paragraphs = [part.splitlines() for part in re.split(r"\n\s*\n", without_code((ROOT / name).read_text("utf-8")))]
    item = re.compile(r"(-|\d+\.) ")
    late = [lines for lines in paragraphs if lines and not item.match(lines[0].strip()) and any(map(item.match, lines))]
    assert late == []


def test_every_page_stands_in_the_site_once() -> None:
    class Loader(yaml.SafeLoader):
        """mkdocs.yml may name functions of Python, which are left alone here."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)
    nav = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader=Loader)["nav"]
    shown = list(leaves(nav))
    assert sorted(set(shown)) == sorted(shown)
    others = ("recipes/", ".github/", "scripts/", "tests/", "toolkit/", "benchmarks/", "tui/")
    assert sorted(shown) == [name for name in PAGES if not name.startswith(others) and name != MANUAL]


def leaves(nav: object) -> list[str]:
    if isinstance(nav, dict):
        return [leaf for below in nav.values() for leaf in leaves(below)]
    return [leaf for below in nav for leaf in leaves(below)] if isinstance(nav, list) else [str(nav)]


@cache
def spelled() -> str:
    """All texts of the program and of the set-up, docstrings left out, one a line."""
    found: list[str] = []
    for folder in ("toolkit", "recipes", "scripts", "tui"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            found += [
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
            ]
    return "\n".join(found)


@pytest.mark.parametrize("message", SAID.findall(TROUBLES.read_text("utf-8")))
def test_a_message_that_is_explained_is_one_that_the_program_says(message: str) -> None:
    pieces = [piece for piece in message.split("…") if piece.strip(" .:;`(")]
    assert max(map(len, pieces)) >= 12, "too short to find anything"
    assert [piece for piece in pieces if piece not in spelled()] == []


@pytest.mark.slow
@pytest.mark.long
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "scripts/docs.py",
        "--out",
        str(tmp_path / "site"),
        "--environment",
        str(tmp_path / "venv"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "index.html").exists()
    assert "Troubleshooting" in (tmp_path / "site" / "docs" / "troubleshooting.html").read_text("utf-8")
    fetched = [
        address
        for file in (tmp_path / "site").rglob("*.html")
        for address in re.findall(
            r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?://[^\"\s>]+)", file.read_text("utf-8")
        )
    ]
    assert fetched == []  # a reader's browser asks nobody else
