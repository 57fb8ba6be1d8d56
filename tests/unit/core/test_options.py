"""Options are declared once: Python callers, recipes and screens get the same names, defaults and checks."""

import argparse
import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import toolkit.options
import toolkit.settings
from toolkit import cli
from toolkit.errors import PreflightError
from toolkit.options.base import Options
from toolkit.options.generation import EngineOptions, SamplingOptions
from toolkit.options.merge import add_merge_arguments, merge_arguments
from toolkit.options.shared import ModelOptions, PromptOptions
from toolkit.options.training import LoraOptions, MemoryOptions, SftOptions
from toolkit.settings import SftSettings


def test_python_callers_get_the_defaults_of_the_command_line() -> None:
    assert LoraOptions(lora_r=64).alpha == SftSettings(lora_r=64).alpha == 128
    assert MemoryOptions() == MemoryOptions.of(SftSettings())


def test_a_group_changes_only_what_it_was_given() -> None:
    settings = SftSettings(model="m", lora_r=8)
    changed = settings.with_options(SftOptions(max_steps=3), ModelOptions(revision="main"))
    assert changed == SftSettings(model="m", lora_r=8, max_steps=3, revision="main")
    whole = ModelOptions.of(SftSettings(model="m"))
    assert whole == ModelOptions(model="m")
    assert SftSettings(model="other", revision="main").with_options(whole) == SftSettings(model="m")


def test_a_group_that_is_no_part_of_the_settings_is_refused() -> None:
    with pytest.raises(TypeError, match="LoraOptions is no part of PromptOptions"):
        PromptOptions().with_options(LoraOptions(lora_r=8))


def test_options_that_contradict_each_other_are_refused_when_they_meet() -> None:
    with pytest.raises(ValueError, match="n is 2 with temperature 0"):
        SamplingOptions(n=2, temperature=1.0).with_options(SamplingOptions(temperature=0.0))


@pytest.mark.parametrize("given", [{"gradient_checkpointing": True}, {"per_device_train_batch_size": 2}])
def test_a_stage_names_what_is_still_auto(given: dict) -> None:
    options = MemoryOptions(**given)
    with pytest.raises(PreflightError, match="still auto: `steptune run sft` replaces them"):
        _ = (options.rows_per_device, options.checkpointing)
    both = MemoryOptions(per_device_train_batch_size=2, gradient_checkpointing=True)
    assert (both.rows_per_device, both.checkpointing) == (2, True)


def test_merge_passes_on_all_that_its_program_takes() -> None:
    given = ["adapter", "--out", "m", "--base", "b", "--revision", "v1", "--trust-remote-code", "--mode", "base16"]
    args = cli.build_parser().parse_args(["merge", *given, "--verify", "--verify-rows", "2"])
    program = argparse.ArgumentParser()
    add_merge_arguments(program)
    passed_on = vars(program.parse_args(merge_arguments(args)))
    assert passed_on == {name: value for name, value in vars(args).items() if name in passed_on}
    assert (passed_on["revision"], passed_on["trust_remote_code"], passed_on["verify_rows"]) == ("v1", True, 2)


def test_an_engine_names_what_is_still_left_to_the_machine() -> None:
    left_open = EngineOptions(data_parallel_size=None)
    for name in ("precision", "engines"):
        with pytest.raises(PreflightError, match="still left to the machine"):
            getattr(left_open, name)
    assert EngineOptions(server="http://localhost:8000").precision == "server"


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValueError, match="learning_rat"):
        SftOptions(learning_rat=1.0)  # type: ignore[call-arg]
    assert SftOptions.model_config == Options.model_config


# The same word for another thing, or for the same thing with another default; each says why it is no copy.
TWO_MEANINGS = {
    "adapter": "generate answers with it, evaluate describes it in the model card",
    "api_key_env": "a judge always has one, a teacher may need none",
    "base_url": "a judge has no default server",
    "columns": "known, and found out",
    "data": "rows to learn from, rows to answer, and the pipeline's section",
    "delimiter": "known, and found out",
    "encoding": "known, and found out",
    "max_steps": "steps of the optimiser, and steps of an answer",
    "model": "one that is loaded here, and one that a server knows",
    "name": "of a source, and of a domain",
    "output_field": "known, and found out",
    "prompt_field": "known, and found out",
    "quantization": "weights under an adapter that is trained, and weights that answer",
    "split": "of our data sets, and of another's",
    "temperature": "of our answers, and of a teacher's",
    "timeout_s": "of a judge, and of a teacher",
    "type": "tells the sources apart",
    "validation_share": "data-build holds out groups; sft takes rows where data has no validation",
}


def option_groups(base: type[Options] = Options) -> Iterator[type[Options]]:
    for room in (toolkit.options, toolkit.settings):
        for module in pkgutil.iter_modules(room.__path__):
            importlib.import_module(f"{room.__name__}.{module.name}")
    for group in base.__subclasses__():
        yield group
        yield from option_groups(group)


def declared() -> dict[str, set[type[Options]]]:
    """The groups that declare an option, by its name."""
    found: dict[str, set[type[Options]]] = {}
    for group in option_groups():
        for name in inspect.get_annotations(group):
            if name in group.model_fields:
                found.setdefault(name, set()).add(group)
    return found


def test_each_option_is_declared_once() -> None:
    twice = {name: groups for name, groups in declared().items() if len(groups) > 1}
    assert twice.keys() == TWO_MEANINGS.keys()
    for name, groups in twice.items():
        sentences = {group.model_fields[name].description for group in groups}
        assert name == "type" or len(sentences) == len(groups), f"{name} is explained twice in the same words"


def test_no_dataclass_copies_a_group_of_options() -> None:
    groups = {group.__name__: set(group.model_fields) for group in option_groups()}
    root = Path(toolkit.__file__).parents[1]
    sources = [path for room in ("toolkit", "tui", "recipes") for path in sorted((root / room).rglob("*.py"))]
    for path, holder in ((source, holder) for source in sources for holder in dataclasses_of(source)):
        fields = {part.target.id for part in holder.body if isinstance(part, ast.AnnAssign)}  # type: ignore[union-attr]
        copied = {name: fields & options for name, options in groups.items() if len(fields & options) > 3}
        assert copied == {}, f"{path.relative_to(root)}: {holder.name}"


def dataclasses_of(path: Path) -> list[ast.ClassDef]:
    classes = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ClassDef))
    return [found for found in classes if any("dataclass" in ast.unparse(one) for one in found.decorator_list)]
