"""What the program's own code never does: no pickle, no code from texts, no shell, no YAML, URL or archive but through
the modules that bound them. Read from the syntax trees, so that nothing is run and no spelling in a comment counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import toolkit

ROOT = Path(toolkit.__file__).parents[1]
FILES = sorted(file for room in ("toolkit", "tui", "recipes") for file in (ROOT / room).rglob("*.py"))
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "telnetlib", "xmlrpc"}
MODULES |= {"xml.sax", "xml.dom", "xml.etree"}
CALLS = {
    "eval": "runs a text as code",
    "exec": "runs a text as code",
    "__import__": "imports what a text names",
    "os.system": "runs a shell",
    "os.popen": "runs a shell",
    "subprocess.getoutput": "runs a shell",
    "subprocess.getstatusoutput": "runs a shell",
    "tempfile.mktemp": "names a file that another may make first",
    "yaml.load": "reads YAML past toolkit.config_yaml",
    "yaml.safe_load": "reads YAML past toolkit.config_yaml",
    "yaml.load_all": "reads YAML past toolkit.config_yaml",
    "yaml.unsafe_load": "makes objects of Python",
    "yaml.full_load": "makes objects of Python",
    "yaml.compose": "reads YAML past toolkit.config_yaml",
    "urllib.request.urlopen": "follows redirects; toolkit.web does not",
    "ssl._create_unverified_context": "takes any certificate",
    "pd.read_pickle": "unpickles",
    "torch.hub.load": "runs code from the net",
}
METHODS = {"extractall": "writes whatever paths an archive names", "read_pickle": "unpickles"}
KEYWORDS = {
    ("shell", True): "runs a shell",
    ("allow_pickle", True): "unpickles",
    ("weights_only", False): "unpickles",
    ("trust_remote_code", True): "runs a model's own code without being asked",
    ("verify", False): "takes any certificate",
    ("huge_tree", True): "reads XML without bounds",
    ("allow_redirects", True): "follows redirects",
    ("follow_redirects", True): "follows redirects",
    ("no_network", False): "reads what XML names on the net",
}
ALLOWED = {
    # The one command line that a shell reads: the notice that the user set for the end of a run, in a file that only
    # the user can read; what is told of the run goes to its standard input.
    ("toolkit/runs/notice_sender.py", "shell=True"),
    ("toolkit/evaluation/gate.py", "xml.etree"),  # writes XML, reads none
    ("toolkit/evaluation/gate.py", "xml.etree.ElementTree"),
    ("toolkit/machine/gpus.py", "xml.etree.ElementTree"),  # what this machine's own nvidia-smi says
    ("toolkit/models.py", "extractall"),  # the archive of an installed package
}


def faults(tree: ast.AST) -> Iterator[tuple[str, str, int]]:
    """What is wrong: its spelling, why, and its line."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            names = [module, *(f"{module}.{part.name}".strip(".") for part in node.names)]
            for name in names:
                if any(name == bad or name.startswith(f"{bad}.") for bad in MODULES):
                    yield name, "is imported", line
                if name in ("urllib.request.urlopen", "os.system", "yaml.load", "yaml.safe_load"):
                    yield name, "is imported by itself", line
        if isinstance(node, ast.Call):
            yield from _call(node)


def _call(node: ast.Call) -> Iterator[tuple[str, str, int]]:
    name = ast.unparse(node.func)
    if name in CALLS:
        yield name, CALLS[name], node.lineno
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        yield node.func.attr, METHODS[node.func.attr], node.lineno
    given = {word.arg: word.value for word in node.keywords}
    if name == "torch.load" and "weights_only" not in given:
        yield name, "unpickles; say weights_only=True", node.lineno
    for word, value in given.items():
        if isinstance(value, ast.Constant) and (word, value.value) in KEYWORDS:
            yield f"{word}={value.value}", KEYWORDS[word, value.value], node.lineno


def test_no_file_of_the_program_does_what_is_dangerous() -> None:
    assert len(FILES) > 300
    found = {}
    for file in FILES:
        place = file.relative_to(ROOT).as_posix()
        for what, why, line in faults(ast.parse(file.read_text("utf-8"))):
            if (place, what) not in ALLOWED:
                found[f"{place}:{line}"] = f"{what} {why}"
    assert found == {}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib.numpy_pickle",
        "eval('1')",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "AutoModel.from_pretrained(path, trust_remote_code=True)",
        "archive.extractall(folder)",
        "np.load(path, allow_pickle=True)",
        "urllib.request.urlopen(address)",
    ],
)
def test_the_look_finds_what_it_looks_for(code: str) -> None:
    assert list(faults(ast.parse(code)))


def test_templates_switch_no_escaping_off() -> None:
    for template in (ROOT / "toolkit/evaluation/templates").iterdir():
        text = template.read_text("utf-8")
        assert "|safe" not in text.replace(" ", "")
        assert "autoescape" not in text
        assert "<script" not in text.lower()
    assert "default-src 'none'; style-src 'unsafe-inline'\"" in (
        ROOT / "toolkit/evaluation/templates/report.html.j2"
    ).read_text("utf-8")
