"""The site of the documentation: `make docs`.

    python3 scripts/docs.py [--out build/site] [--environment .venv-docs]

Standard library only. Makes an environment with what the extra `docs` of pyproject.toml names, gathers the pages as
they lie in the repository (so that links between them hold there and in the site), and builds with mkdocs.yml. A link
or a heading that is not there, and a page that the site does not show, end the build.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GATHERED = ROOT / "build" / "pages"
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "docs", "examples")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="folder of the site")
    parser.add_argument(
        "--environment", type=Path, default=ROOT / ".venv-docs", help="where the generator is installed"
    )
    args = parser.parse_args()
    if not install(args.environment):
        print(
            "docs: the generator could not be installed (see above); it comes from the package index.", file=sys.stderr
        )
        return 2
    gather()
    python = args.environment.resolve() / "bin" / "python"
    command = [str(python), "-m", "mkdocs", "build", "--strict", "--site-dir", str(args.out.resolve())]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:  # --quiet would take the warnings away from --strict as well
        print(f"{args.out}/index.html")
        return 0
    print("\n".join(line for line in done.stderr.splitlines() if not line.startswith("INFO")), file=sys.stderr)
    print("docs: the site was not built; each line above names its page.", file=sys.stderr)
    return 1


def install(environment: Path) -> bool:
    """The generator in its environment; quick where it is there in that version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["optional-dependencies"]["docs"]
    stamp = environment / "steptune-docs.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == "\n".join(wanted):
        return True
    venv.create(environment, with_pip=True, clear=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, *wanted], check=False).returncode:
        return False
    stamp.write_text("\n".join(wanted), encoding="utf-8")
    return True


def gather() -> None:
    shutil.rmtree(GATHERED, ignore_errors=True)
    GATHERED.mkdir(parents=True)
    for name in PAGES:
        source, target = ROOT / name, GATHERED / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)


if __name__ == "__main__":
    sys.exit(main())
