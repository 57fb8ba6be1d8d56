"""Every shipped accelerate config is what accelerate reads, and every sft preset is a valid config."""

from pathlib import Path

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file

from toolkit.bundled import accelerate_configs_dir
from toolkit.catalog import accelerate_config_path, find_recipe, first_comment, preset_path
from toolkit.settings import SftSettings

SHAPES = {
    "cpu": ("NO", 1),
    "cpu_2proc_ddp": ("MULTI_GPU", 2),
    "cpu_2proc_fsdp": ("FSDP", 2),
    "cpu_2proc_zero2": ("DEEPSPEED", 2),
    "cpu_2proc_zero3": ("DEEPSPEED", 2),
    "deepspeed_zero2": ("DEEPSPEED", 2),
    "deepspeed_zero3": ("DEEPSPEED", 2),
    "fsdp_qlora": ("FSDP", 2),
    "multi_gpu": ("MULTI_GPU", 2),
    "multi_node_zero3": ("DEEPSPEED", 16),
    "single_gpu": ("NO", 1),
}


def test_each_shape_of_machine_has_a_config_and_a_description() -> None:
    assert {path.stem for path in accelerate_configs_dir().glob("*.yaml")} == set(SHAPES)
    assert all(len(first_comment(accelerate_config_path(name))) > 20 for name in SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_accelerate_reads_the_config(name: str) -> None:
    config = load_config_from_file(str(accelerate_config_path(name)))
    assert (config.distributed_type.value, config.num_processes) == SHAPES[name]
    assert config.use_cpu == name.startswith("cpu")
    if "zero" in name:
        assert config.deepspeed_config["zero_stage"] == int(name[-1])


def test_configs_say_nothing_about_models() -> None:
    for path in accelerate_configs_dir().glob("*.yaml"):
        text = path.read_text().lower()
        assert not any(word in text for word in ("mistral", "gemma", "learning_rate", "batch_size"))


@pytest.mark.parametrize("preset", ["default", "demo", "fast", "fsdp", "multi_node", "quality", "zero3"])
def test_preset_is_a_valid_config_that_lists_only_what_differs(preset: str) -> None:
    given = yaml.safe_load(Path(preset_path("sft", preset)).read_text())
    settings = SftSettings.model_validate(given)
    default = SftSettings()
    assert preset == "default" or all(getattr(settings, name) != getattr(default, name) for name in given)
    assert find_recipe("sft").presets[preset]
