"""The few-shot baseline: which rows of train are shown, how they are rendered, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.generation.conftest import make_base
from tests.unit.generation.generate_recipe import rows, run_generate
from tests.unit.models.families import FAMILIES, build_tokenizer
from toolkit.errors import DataError, ModelError
from toolkit.generation.few_shot import Shots, read_shots
from toolkit.grams import GramSets, comparable, similarities
from toolkit.options.generation import GenerateOptions
from toolkit.prompting import HOWTO, choose_format, control_tokens, render_prompt, render_with_shots
from toolkit.records import Example, read_json, sha256_file

TRAIN = ["Open a jar?", "Boil an egg?", "Mend a tyre?", "Boil two eggs?", "Fold a map?"]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    folder.mkdir()
    lines = [{"id": f"t{n}", "prompt": prompt, "output": f"1. Do {n}."} for n, prompt in enumerate(TRAIN)]
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    tests = [{"id": f"q{n}", "prompt": text, "output": "1. x"} for n, text in enumerate(("Boil eggs?", "Where?"))]
    (folder / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in tests))
    return folder


def shots_of(dataset: Path, **options: object) -> Shots:
    return read_shots(GenerateOptions.model_validate({"data": dataset, "shots": 2, **options}))


def test_the_rows_are_of_train_alone_and_the_same_every_time(dataset: Path) -> None:
    first, again = shots_of(dataset), shots_of(dataset)
    assert [row.id for row in first.for_question("x")] == [row.id for row in again.for_question("y")]
    assert {row.prompt for row in first.for_question("x")} < set(TRAIN)
    assert first.record({"q0": "x"}) == {
        "count": 2,
        "by": "fixed",
        "train": sha256_file(dataset / "train.jsonl"),
        "rows": [row.id for row in first.fixed],
    }


def test_nearest_shows_the_most_alike_questions_and_the_best_of_them_last(dataset: Path) -> None:
    shots = shots_of(dataset, shots_by="nearest")
    assert [row.prompt for row in shots.for_question("Boil two big eggs?")] == ["Boil an egg?", "Boil two eggs?"]
    assert shots.record({"q0": "Boil two big eggs?"})["rows"] == {"q0": ["t1", "t3"]}
    assert "Mend a tyre?" not in [row.prompt for row in shots.for_question("Mend a tyre?")]
    texts = [comparable(prompt, "") for prompt in TRAIN]
    sets, query = GramSets(texts), GramSets([comparable("Boil an eggs?", "")])
    joined = GramSets.joined([sets, query])
    assert similarities(query[0], sets).tolist() == [joined.jaccard(n, len(TRAIN)) for n in range(len(TRAIN))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "train"}, "its own answer"),
        ({"shots": 5}, "shots is 5, and .* has 5 rows"),
        ({"data": "test.jsonl"}, "has no train.jsonl"),
    ],
)
def test_what_would_leak_or_is_not_there_is_refused(dataset: Path, options: dict[str, object], message: str) -> None:
    if "data" in options:
        options = {"data": dataset / str(options["data"])}
    with pytest.raises(DataError, match=message):
        shots_of(dataset, **options)


@pytest.mark.parametrize("name", ["smollm2", "llama2", "llama3", "qwen3"])
def test_examples_are_turns_of_the_models_own_template(name: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    family = next(family for family in FAMILIES if family.name == name)
    build_tokenizer(family, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    frozen = choose_format("chat_template", str(tmp_path), tokenizer)
    shown = [Example("a", "Why?", "1. Thus."), Example("b", "How?", "1. So.\n2. And so.")]
    told = [("user", "Why?"), ("assistant", "1. Thus."), ("user", "How?"), ("assistant", "1. So.\n2. And so.")]
    truth = tokenizer.apply_chat_template(
        [{"role": role, "content": content} for role, content in [*told, ("user", "Where?")]],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=False,
        **family.kwargs,
    )
    ids = render_with_shots("Where?", shown, frozen, tokenizer)
    assert ids == list(truth)
    assert render_with_shots("Where?", [], frozen, tokenizer) == render_prompt("Where?", frozen, tokenizer)
    mark = tokenizer.convert_ids_to_tokens(ids[-1]) if name != "llama2" else "</s>"
    said = render_with_shots("Where?", [Example("a", f"Why {mark}?", "1. Thus."), shown[1]], frozen, tokenizer)
    number = tokenizer.convert_tokens_to_ids(mark)
    assert number not in control_tokens(tokenizer) or said.count(number) == ids.count(number)  # a row's own is text


def test_a_plain_format_is_written_again_for_each_example(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    build_tokenizer(next(family for family in FAMILIES if family.name == "smollm2"), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    ids = render_with_shots("Where?", [Example("a", "Why?", "1. Thus.")], HOWTO, tokenizer)
    heading = "### Answer: numbered steps\n"
    assert tokenizer.decode(ids).endswith(
        f"### Question\nWhy?\n\n{heading}1. Thus.\n\n### Question\nWhere?\n\n{heading}"
    )


def test_few_shot_answers_beside_the_baseline_and_is_recorded(dataset: Path, tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    settings = {
        "model": str(base),
        "data": dataset,
        "prompt_format": "mistral_v0.2",
        "systems": ["baseline", "few_shot"],
    }
    outcome = run_generate(tmp_path / "run", **settings, shots=1, shots_by="nearest")
    assert {"predictions_baseline", "predictions_few_shot"} < set(outcome.outputs)
    assert [row["id"] for row in rows(tmp_path / "run" / "few_shot")] == ["q0", "q1"]
    report, alone = (read_json(tmp_path / "run" / name / "generation.json") for name in ("few_shot", "baseline"))
    assert report is not None
    assert alone is not None
    assert report["shots"]["rows"]["q0"] == ["t3"]
    assert alone["shots"] is None
    assert report["prompt_tokens"] > alone["prompt_tokens"]
    with pytest.raises(ModelError, match="few_shot does not fit the context: the prompt of q0 with 4 examples has"):
        run_generate(tmp_path / "long", **settings, shots=4)
