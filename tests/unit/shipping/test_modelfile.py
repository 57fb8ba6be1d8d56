"""Ollama's Modelfile: what is written is read back, and its template renders as documented. Ollama was not run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import ModelError
from toolkit.options.generation import AnswerOptions
from toolkit.shipping.modelfile import parse_modelfile, render_template, write_modelfile

CHATML = ("<|im_start|>system\nBe helpful.<|im_end|>\n<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")


def written(start: str = CHATML[0], suffix: str = CHATML[1], **options: float) -> str:
    return write_modelfile("m.gguf", start, suffix, ["<|im_end|>", "</s>"], AnswerOptions(**options), 8192)


def test_a_question_is_rendered_as_it_was_trained() -> None:
    found = parse_modelfile(written())
    assert found.model == "./m.gguf"
    assert render_template(found.template, " How?\n") == CHATML[0] + " How?\n" + CHATML[1]


def test_every_default_of_ollama_that_would_change_the_answers_is_stated() -> None:
    parameters = parse_modelfile(written(max_new_tokens=160, presence_penalty=1.0)).parameters
    assert parameters == {
        "stop": ["<|im_end|>", "</s>"],
        "temperature": ["0"],
        "top_p": ["1"],
        "top_k": ["0"],
        "min_p": ["0"],
        "repeat_penalty": ["1"],
        "repeat_last_n": ["-1"],
        "presence_penalty": ["1"],
        "num_predict": ["160"],
        "num_ctx": ["4096"],
    }


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=30),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=30),
    st.text(max_size=30),
)
def test_whatever_stands_around_a_question_comes_back(start: str, suffix: str, question: str) -> None:
    template = parse_modelfile(written(start, suffix)).template
    assert render_template(template, question) == start + question + suffix


@pytest.mark.parametrize("text", ['{{ .Prompt }} {{ "a" }}', 'x"""y', '"quoted"', "}}{{", 'a\n"', "{{- if .System }}"])
def test_text_that_looks_like_a_template_stays_text(text: str) -> None:
    template = parse_modelfile(written(text, text)).template
    assert render_template(template, text) == text * 3


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{{ if .System }}S:{{ .System }} {{ end }}{{ .Prompt }}", "p"),
        ("a {{- .Prompt -}} b", "apb"),
        ('{{ "x\\n\\"y\\"" }}{{ .Response }}', 'x\n"y"r'),
        ("{{ if .System }}{{ if .Prompt }}no{{ end }}no{{ end }}yes", "yes"),
    ],
)
def test_documented_rules(template: str, rendered: str) -> None:
    assert render_template(template, "p", response="r") == rendered


def test_the_system_message_stands_before_the_question() -> None:
    template = parse_modelfile(written("<u>", "</u>")).template
    assert render_template(template, "q", system="s") == "<u>s\n\nq</u>"


@pytest.mark.parametrize(
    "text", ["PARAMETER stop x", "FROM m\nTEMPLATE x\nnonsense", 'FROM m\nTEMPLATE """never closed', "FROM m"]
)
def test_what_is_no_modelfile_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="Modelfile"):
        parse_modelfile(text)


@pytest.mark.parametrize("template", ["{{ range .Messages }}{{ end }}", "{{ if .Prompt }}open"])
def test_an_unknown_action_is_refused_and_not_guessed(template: str) -> None:
    with pytest.raises(ModelError, match="template"):
        render_template(template, "q")


def test_comments_and_case() -> None:
    found = parse_modelfile('# made by hand\nfrom ./m.gguf\n\ntemplate {{ .Prompt }}\nparameter stop "a b"\n')
    assert (found.model, found.template, found.parameters) == ("./m.gguf", "{{ .Prompt }}", {"stop": ["a b"]})
