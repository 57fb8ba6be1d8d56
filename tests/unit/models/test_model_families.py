"""Models of every family: the prompt is their library's own, the labels are the whole answer and its own end, training
is serving, control tokens in a user's text are text, generation stops where the library would, a merge equals PEFT's.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.generation.conftest import make_adapter, peft_merge
from tests.unit.generation.test_generation_engines import start_recipe
from tests.unit.models.families import FAMILIES, Family, build_model
from toolkit.generation.adapter import choose_merge_mode, read_adapter
from toolkit.generation.merge import merge_adapter
from toolkit.generation.prompts import Codec
from toolkit.generation.served_folder import make_served_folder
from toolkit.generation.system import base_system, load_codec
from toolkit.options.generation import AnswerOptions
from toolkit.options.shared import ModelOptions
from toolkit.options.training import SftOptions
from toolkit.prompting import control_tokens, served_template
from toolkit.records import write_jsonl
from toolkit.training.prepared import Prepared, prepare

QUESTION, ANSWER = "How do I reset my PIN?", "1. Open the app.\n2. Tap Reset."
BY_NAME = {family.name: family for family in FAMILIES}
pytestmark = pytest.mark.xdist_group("families")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {}


@pytest.fixture(params=list(BY_NAME))
def family(request: pytest.FixtureRequest) -> Family:
    return BY_NAME[request.param]


@pytest.fixture
def folder(family: Family, folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    if family.name not in folders:
        folders[family.name] = build_model(family, tmp_path_factory.mktemp("families") / family.name)
    return folders[family.name]


def served(folder: Path) -> Codec:
    return load_codec(base_system(ModelOptions(model=str(folder))), "auto")


def trained(folder: Path, rows: list[tuple[str, str]], tmp_path: Path) -> Prepared:
    data = tmp_path / "rows.jsonl"
    write_jsonl(data, ({"prompt": prompt, "output": output} for prompt, output in rows))
    return prepare(SftOptions(model=str(folder), data=data, validation_share=0.0, max_length=1024))


def test_prompt_is_the_librarys_own_and_the_whole_turn_is_as_stated(
    family: Family, folder: Path, tmp_path: Path
) -> None:
    codec = served(folder)
    assert codec.prompt_format.name == family.format
    ids = codec.encode(QUESTION)
    if family.template is not None:
        messages = [{"role": "user", "content": QUESTION}]
        theirs = codec.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=False, **family.kwargs
        )
        assert ids == list(theirs)
    (row,) = trained(folder, [(QUESTION, ANSWER)], tmp_path).train.rows
    prompt, learned = family.prompt.format(q=QUESTION), family.learned.format(a=ANSWER)
    # the sides of a plain format are encoded apart
    parts = [prompt, learned] if family.format == "howto" else [prompt + learned]
    whole = [token for part in parts for token in codec.tokenizer.encode(part, add_special_tokens=False)]
    assert row.input_ids[: len(ids)] == ids
    assert row.labels == [-100] * len(ids) + row.input_ids[len(ids) :]
    assert row.input_ids == whole
    end = family.learned.rpartition("{a}")[2].strip()
    assert codec.tokenizer.convert_ids_to_tokens(row.labels[-1]) == end


def test_a_servers_folder_writes_the_trained_prompt_and_stops_where_generate_does(
    family: Family, folder: Path, tmp_path: Path
) -> None:
    """Prompts are compared when the folder is made, or nothing would be served."""
    codec = served(folder)
    make_served_folder(tmp_path / "served", base_system(ModelOptions(model=str(folder))), codec, AnswerOptions())
    again = served(tmp_path / "served")
    assert (again.stop_ids, again.encode(QUESTION)) == (codec.stop_ids, codec.encode(QUESTION))


def test_a_users_control_tokens_are_text_in_training_and_serving_alike(
    family: Family, folder: Path, tmp_path: Path
) -> None:
    tokenizer = served(folder).tokenizer
    controls = control_tokens(tokenizer)
    marks = [*family.all_controls, *(text for text in family.marks if text.strip())]
    assert set(controls.values()) == set(marks)
    rows = [
        (f"How do I write {text} in a {text} file{text}", f"{text} 1. Open {text}the app.\n2. Tap {text}.{text}")
        for text in marks
    ]
    codec, made = served(folder), trained(folder, rows, tmp_path)
    plain = [token for token in codec.encode(QUESTION) if token in controls]
    for row, (question, answer) in zip(made.train.rows, rows, strict=True):
        ids = codec.encode(question)
        assert row.input_ids[: len(ids)] == ids
        assert [token for token in ids if token in controls] == plain
        learned = row.input_ids[len(ids) :]
        assert [token for token in learned if token in controls] == learned[-1:]
        assert codec.decode(learned) == answer
        assert question in codec.tokenizer.decode(ids, clean_up_tokenization_spaces=False)


def test_generation_stops_where_the_familys_own_would(family: Family, folder: Path) -> None:
    codec = served(folder)
    expected = {*family.stops, codec.tokenizer.eos_token}
    assert set(codec.tokenizer.convert_ids_to_tokens(codec.stop_ids)) == expected


@pytest.mark.parametrize("question", [QUESTION, f" {QUESTION}\n\n2. {{{{ x }}}}\t"])
def test_the_template_that_is_shipped_writes_what_was_trained(family: Family, folder: Path, question: str) -> None:
    """As a chat endpoint calls it: on another day, and with no argument that switches thinking off."""
    codec = served(folder)
    tokenizer = codec.tokenizer
    template, is_own = served_template(codec.prompt_format, tokenizer)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], chat_template=template, tokenize=False, add_generation_prompt=True
    )
    assert tokenizer.encode(text, add_special_tokens=False) == codec.encode(question)
    assert is_own == (family.format == "chat_template" and not family.kwargs)


def test_merge_equals_pefts(family: Family, folder: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    adapter = read_adapter(make_adapter(tmp_path / "adapter", folder))
    merge_adapter(adapter, folder, tmp_path / "merged", choose_merge_mode("auto", adapter))
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32).state_dict()
    theirs = peft_merge(folder, adapter.folder)
    assert set(ours) == set(theirs)
    for name, tensor in ours.items():
        assert torch.allclose(theirs[name], tensor, atol=1e-6), name


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", ["llama3", "qwen3", "gemma3"])
def test_vllm_answers_as_transformers_does(name: str, folders: dict[str, Path], tmp_path: Path) -> None:
    """The same rows, control tokens in the questions among them, by both engines."""
    family = BY_NAME[name]
    base = folders.get(name) or build_model(family, tmp_path / name)
    questions = [QUESTION, *(f"How do I write {text}?" for text in family.all_controls)]
    write_jsonl(tmp_path / "p.jsonl", ({"prompt": question} for question in questions))
    rows = {}
    for backend in ("vllm", "transformers"):
        process = start_recipe(tmp_path / backend, base, tmp_path / "p.jsonl", backend, 12)
        assert process.wait(timeout=600) == 0, (tmp_path / backend / "log.txt").read_text()[-3000:]
        rows[backend] = (tmp_path / backend / "predictions.jsonl").read_text()
    assert rows["vllm"] == rows["transformers"]
