"""Options are declared once: Python callers, recipes and screens get the same names, defaults and checks."""

import argparse

import pytest

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
    args = cli.build_parser().parse_args(["merge", *given, "--verify"])
    program = argparse.ArgumentParser()
    add_merge_arguments(program)
    passed_on = vars(program.parse_args(merge_arguments(args)))
    assert passed_on == {name: value for name, value in vars(args).items() if name in passed_on}
    assert (passed_on["revision"], passed_on["trust_remote_code"]) == ("v1", True)


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
