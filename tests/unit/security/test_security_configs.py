"""Configs and other YAML from strangers: bounded, no objects but plain values, and no secret in a run folder."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit import config
from toolkit.config_yaml import Loader, PlainLoader, QuickLoader, read_yaml
from toolkit.errors import ConfigError, SteptuneError
from toolkit.planning.accelerate_config import read_accelerate_config
from toolkit.review.study.plan import read_plan
from toolkit.run_folder.config_values import read_config
from toolkit.run_folder.folder import RunFolder
from tui.logic.values import parsed

CANARY = "CANARY7f3a"
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = {
    "a billion aliases": LAUGHS,
    "a billion aliases in mappings": LAUGHS.replace("[x,x", "[{x: 1},x"),
    "an alias to itself": "data: &a [*a]",
    "a mapping that holds itself": "data: &a {b: *a}",
    "deep lists": "data: " + "[" * 3000 + "]" * 3000,
    "deep mappings": "data: " + "{a: " * 3000 + "}" * 3000,
    "a number of 5000 digits": "seed: " + "9" * 5000,
    "a hexadecimal number of 9000 digits": "seed: 0x" + "f" * 9000,
    "an object of Python": "data: !!python/object/apply:os.system [touch STEPTUNE_WAS_HERE]",
    "a name of Python": "data: !!python/name:os.system",
    "no number": "seed: !!int abc",
    "no hexadecimal number": "seed: 0x_",
    "no truth": "seed: !!bool maybe",
    "no date": "seed: !!timestamp soon",
    "a list as a key": "? [a]\n: b",
}
WORDS = (
    r"a,seed,data,sft,preset,- ,  ,[,],{,},&a ,*a,!!int ,!x ,!!set ,!!binary ,<<: ,? ,|,>,',#,%,1e-4,0x,1:30,~,.nan,---"
)
PIECES = st.sampled_from([*WORDS.split(","), ": ", "\n", ", ", '"', "\t"])
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join)


def ends_within(seconds: float, started: float) -> bool:
    return time.monotonic() - started < seconds


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("recipe", ["sft", "pipeline"])
def test_a_config_that_is_a_bomb_is_refused_in_a_sentence(bomb: str, recipe: str, tmp_path: Path) -> None:
    file, started = tmp_path / "a.yaml", time.monotonic()
    file.write_text(BOMBS[bomb])
    with pytest.raises(ConfigError) as refused:
        config.resolve(recipe, config_file=file)
    assert "not valid YAML" in str(refused.value)
    assert len(str(refused.value)) < 1000
    with pytest.raises(ConfigError):
        config.resolve(recipe, overrides=["seed=" + BOMBS[bomb].partition(": ")[2]])
    assert ends_within(5, started)
    assert not Path("STEPTUNE_WAS_HERE").exists()


@pytest.mark.parametrize("bomb", BOMBS)
def test_every_other_reader_of_yaml_has_the_same_bounds(bomb: str, tmp_path: Path) -> None:
    text, started = BOMBS[bomb], time.monotonic()
    for loader in (Loader, PlainLoader, QuickLoader):
        with pytest.raises(yaml.YAMLError):
            read_yaml(text, loader)
    assert parsed(text) == text
    file = tmp_path / "a.yaml"
    file.write_text(text)
    for read in (read_accelerate_config, read_plan):
        with pytest.raises(SteptuneError):
            read(str(file) if read is read_accelerate_config else file)  # type: ignore[operator]
    run = RunFolder(tmp_path)
    run.config_file.write_text(text)
    assert "not valid YAML" in read_config(run).problem
    assert ends_within(5, started)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=2000)
@given(TEXTS)
def test_any_text_is_a_config_or_one_clear_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    for recipe in ("sft", "pipeline"):
        with suppress(SteptuneError):
            config.dump(config.resolve(recipe, config_file=file))
    with suppress(SteptuneError):
        config.resolve("generate", overrides=[text, f"generator={text}"])
    run = RunFolder(tmp_path)
    run.config_file.write_bytes(file.read_bytes())
    read_config(run)
    parsed(text)


@pytest.mark.parametrize(
    "given", [f"https://user:{CANARY}@host/v1", f"https://host/v1?key={CANARY}", f"http://host/v1#{CANARY}"]
)
@pytest.mark.parametrize(
    ("recipe", "key"),
    [
        ("data-build", "teacher.base_url"),
        ("generate", "generator.server"),
        ("evaluate", "judge.base_url"),
        ("pipeline", "data.teacher.base_url"),
        ("pipeline", "evaluate.judge.base_url"),
    ],
)
def test_an_address_with_a_secret_in_it_is_refused_without_showing_it(recipe: str, key: str, given: str) -> None:
    with pytest.raises(ConfigError, match="give the address alone, and the key in an environment variable") as refused:
        config.resolve(recipe, overrides=[f"{key}={given}"])
    assert CANARY not in str(refused.value)
    with pytest.raises(ConfigError, match="must be an address that begins with") as refused:
        config.resolve(recipe, overrides=[f"{key}=ftp{given}"])
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(("recipe", "key"), [("data-build", "teacher.api_key_env"), ("evaluate", "judge.api_key_env")])
def test_a_key_in_place_of_the_name_of_its_variable_is_not_shown(recipe: str, key: str) -> None:
    with pytest.raises(ConfigError, match="must be the name of an environment variable") as refused:
        config.resolve(recipe, overrides=[f"{key}=sk-{CANARY}"])
    assert CANARY not in str(refused.value)


def test_an_option_that_does_not_exist_does_not_show_what_it_was_given() -> None:
    with pytest.raises(ConfigError, match="did you mean api_key_env") as refused:
        config.resolve("data-build", overrides=[f"teacher.api_key=sk-{CANARY}"])
    assert CANARY not in str(refused.value)


PROGRAM = """
import os, sys
os.umask(0)
from toolkit import cli
from toolkit.run_folder.create import create_run
from toolkit.records import append_jsonl, write_json
cli.main(["recipes"])
run = create_run("sft", "seed: 1\\n")
append_jsonl(run.events_file, {"event": "x"})
write_json(run.command_file, {})
run.add_note("checked")
"""


def test_what_a_run_writes_cannot_be_changed_by_others_whatever_the_umask_is(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.DEVNULL,
    )
    made = [tmp_path / "runs", *(tmp_path / "runs").rglob("*")]
    assert len(made) > 4
    assert {path.name for path in made if path.stat().st_mode & stat.S_IWOTH} == set()
