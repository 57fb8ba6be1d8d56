"""Configs: layers, values as people write them, and every problem at once with its line and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from toolkit import bundled, catalog, config
from toolkit.errors import ConfigError, UsageError
from toolkit.settings import DataBuildSettings, PipelineSettings, SftSettings


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_unknown_key_wrong_type_and_missing_file_are_reported_together_with_file_and_line(tmp_path: Path) -> None:
    file = write(
        tmp_path / "bad.yaml", "sources:\n  - {type: jsonl, path: /no/such.jsonl}\ntest_shar: 0.2\nseed: abc\n"
    )
    with pytest.raises(ConfigError) as caught:
        config.resolve("data-build", config_file=file)
    assert [str(problem) for problem in caught.value.problems] == [
        f"{file}:2: sources.0.path: /no/such.jsonl does not exist; give the path of an existing file or folder",
        f"{file}:4: seed: found 'abc', must be a whole number",
        f"{file}:3: test_shar: unknown option; did you mean test_share?",
    ]
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("learning_rate: 1e-4", "learning_rate", 1e-4),
        ("learning_rate: 2.5e-05", "learning_rate", 2.5e-5),
        ("packing: no", "packing", False),
        ("packing: on", "packing", True),
        ("quantization: no", "quantization", "none"),
        ("quantization: off", "quantization", "none"),
        ("early_stopping_patience: none", "early_stopping_patience", None),
        ("revision: 1e5", "revision", None),
        ("target_modules: q_proj,v_proj", "target_modules", ("q_proj", "v_proj")),
        ("model: no", "model", "no"),
    ],
)
def test_yaml_values_are_taken_as_a_person_means_them(tmp_path: Path, text: str, field: str, value: object) -> None:
    file = write(tmp_path / "c.yaml", f"data: {tmp_path}\n{text}\n")
    if field == "revision":
        with pytest.raises(ConfigError, match="revision"):
            config.resolve("sft", config_file=file)
        return
    assert getattr(config.resolve("sft", config_file=file), field) == value


def test_later_layers_win(tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", f"data: {tmp_path}\nlora_r: 32\nseed: 5\n")
    settings = config.resolve("sft", config_file=file, overrides=["seed=6"])
    assert isinstance(settings, SftSettings)
    assert (settings.lora_r, settings.alpha, settings.seed) == (32, 64, 6)


def test_a_file_may_start_from_a_preset(tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", "preset: demo\nlora_r: 32\n")
    demo, mine = config.resolve("sft", "demo"), config.resolve("sft", config_file=file)
    assert {**mine.model_dump(), "lora_r": 0} == {**demo.model_dump(), "lora_r": 0}


def test_a_stage_section_of_a_pipeline_starts_from_the_stages_preset_without_its_inputs() -> None:
    settings = config.resolve("pipeline", "demo", overrides=["sft.max_steps=3"])
    assert isinstance(settings, PipelineSettings)
    demo = config.resolve("sft", "demo")
    assert settings.sft.model == demo.model
    assert (settings.sft.data, settings.sft.max_steps) == (None, 3)


def test_what_the_pipeline_fills_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sft\.data: is filled in by the pipeline"):
        config.resolve("pipeline", "demo", overrides=[f"sft.data={tmp_path}"])


def test_a_file_of_ones_own_beside_the_presets_is_not_taken_for_a_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundled, "recipes_dir", lambda: tmp_path)
    (tmp_path / "sft").mkdir()
    file = write(tmp_path / "sft" / "mine.yaml", f"preset: demo\nsft: {{data: {tmp_path}}}\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml:2: sft\.data: is filled in by the pipeline"):
        config.resolve("pipeline", config_file=file)


def test_a_source_of_an_unknown_type_is_told_every_type_that_there_is(tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", f"sources: [{{type: word, path: {tmp_path}}}]\n")
    with pytest.raises(ConfigError, match="'auto', 'jsonl', 'csv', 'sheet', 'parquet', 'hf', 'documents', 'forum'"):
        config.resolve("data-build", config_file=file)


@pytest.mark.parametrize("given", ["{}", "[{}]", "{{path: {}}}", "[{{path: {}}}]"])
def test_a_source_may_be_its_path_alone(given: str, tmp_path: Path) -> None:
    settings = config.resolve("data-build", overrides=[f"sources={given.format(tmp_path)}"])
    assert isinstance(settings, DataBuildSettings)
    assert [(source.type, source.path) for source in settings.sources] == [("auto", tmp_path)]


def test_sources_given_on_the_command_line_replace_the_presets(tmp_path: Path) -> None:
    settings = config.resolve(
        "pipeline", "demo", overrides=[f'data.sources=[{{"type":"documents","path":"{tmp_path}"}}]']
    )
    assert isinstance(settings, PipelineSettings)
    assert [(source.type, source.path) for source in settings.data.sources] == [("documents", tmp_path)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: [", r"bad\.yaml:2: not valid YAML"),
        ("- a", "found list, expected options"),
        ("sources: [{type: docs, path: /tmp}]", "found type 'docs', expected type to be one of"),
        ("preset: dmo", "Did you mean demo"),
    ],
)
def test_files_that_are_no_config_get_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.resolve("data-build", config_file=write(tmp_path / "bad.yaml", text + "\n"))


def test_a_missing_config_file_and_a_malformed_override_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config.resolve("sft", config_file=tmp_path / "none.yaml", overrides=["lora_r:16"])
    assert "none.yaml: the file does not exist" in str(caught.value)
    assert "expected KEY=VALUE" in str(caught.value)


def test_unknown_recipes_and_presets_name_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean sft"):
        config.resolve("stf")
    with pytest.raises(UsageError, match="Did you mean demo"):
        config.resolve("sft", "demmo")


@pytest.mark.parametrize("recipe", catalog.RECIPES)
def test_every_preset_resolves_and_survives_the_run_folder(recipe: str, tmp_path: Path) -> None:
    for preset in catalog.find_recipe(recipe).presets:
        inputs = {
            "sft": [f"data={tmp_path}"],
            "generate": [f"data={tmp_path}"],
            "evaluate": [f"data={tmp_path}", f"predictions={{tuned: {tmp_path}}}"],
        }
        settings = config.resolve(recipe, preset, overrides=inputs.get(recipe, []))
        resolved = write(tmp_path / "config.yaml", config.dump(settings))
        assert config.load_resolved(type(settings), resolved) == settings, preset
        assert catalog.first_comment(catalog.preset_path(recipe, preset)), (
            f"{recipe}/{preset}.yaml needs a first-line description"
        )


@pytest.mark.parametrize("recipe", catalog.RECIPES)
def test_every_option_has_help_and_is_read_somewhere(recipe: str) -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for path in [*bundled.recipes_dir().glob("*/run.py"), *Path(config.__file__).parent.rglob("*.py")]
    )
    for name, field in _fields(catalog.RECIPES[recipe].settings):
        assert field.description, f"{recipe}.{name} has no help"
        assert f".{name}" in sources or f'"{name}"' in sources, f"nothing reads {recipe}.{name}"


def _fields(model: type) -> list:
    from toolkit.config_problems import models_in

    found = []
    for name, field in model.model_fields.items():
        found.append((name, field))
        for inner in models_in(field.annotation):
            found += _fields(inner)
    return found


def test_a_resolved_config_is_plain_yaml() -> None:
    text = config.dump(config.resolve("pipeline", "demo"))
    values = yaml.safe_load(text)
    assert set(values) == {"data", "sft", "generate", "evaluate", "few_shot", "reuse"}
    assert "predictions" not in values["evaluate"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seed: 1\nlora_r: 8\nseed: 2", "seed: is given twice, in line 2 as well; keep one of the two"),
        (
            "seed: 010",
            "seed: found 010, which YAML reads as 8 (base 8); write 10 for the number, or '010' for a text",
        ),
        (
            "max_steps: 1:30",
            "max_steps: found 1:30, which YAML reads as 90 (base 60); write the number, or '1:30' for a text",
        ),
        ("seed: 4294967296", "seed: found 4294967296, must be 4294967295 or less"),
    ],
)
def test_what_yaml_reads_in_two_ways_is_refused_with_what_to_write(tmp_path: Path, text: str, complaint: str) -> None:
    file = write(tmp_path / "c.yaml", f"data: {tmp_path}\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        config.resolve("sft", config_file=file)
    assert complaint in [f"{problem.key}: {problem.message}" for problem in caught.value.problems]


def test_what_yaml_reads_in_two_ways_is_refused_on_the_command_line_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"command line: seed: found 010, .* write 10"):
        config.resolve("sft", overrides=[f"data={tmp_path}", "seed=010"])
    assert config.resolve("sft", overrides=[f"data={tmp_path}", "seed=0", "revision='010'"]).revision == "010"


def test_a_model_folder_given_by_a_relative_path_is_kept_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    settings = config.resolve("sft", overrides=[f"data={tmp_path}", "model=models/base"])
    assert settings.model == str(tmp_path / "models" / "base")
    assert config.resolve("sft", overrides=[f"data={tmp_path}", "model=models/other"]).model == "models/other"
