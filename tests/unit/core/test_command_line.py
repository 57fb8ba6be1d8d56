"""Every command takes its options before, between and behind its other arguments, and understands the same by it."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

import pytest

from toolkit import cli

Parser = argparse.ArgumentParser


def commands(parser: Parser, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Parser]]:
    """All commands and steps that take arguments of their own, by the words that call them."""
    steps = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in steps:
        for word, below in action.choices.items():
            yield from commands(below, (*name, word))
    if not steps:
        yield name, parser


PARSER = cli.build_parser()
COMMANDS = dict(commands(PARSER))


def arguments(parser: Parser) -> list[str]:
    """One or two of each argument that is no option."""
    found = []
    for action in parser._get_positional_actions():
        values = list(action.choices or []) or (["3"] if action.type else ["one", "two"])
        found += values[:2] if action.nargs in ("*", "+") else values[:1]
    return found


def options(parser: Parser) -> Iterator[list[str]]:
    """Each option with a value, as far as one can be guessed."""
    for action in parser._get_optional_actions():
        if isinstance(action, argparse._HelpAction):
            continue
        needs_value = action.nargs is None
        value = [str(next(iter(action.choices)))] if action.choices else ["0.5"] if action.type else ["k=v"]
        for_it = [action.option_strings[-1], *(value if needs_value else [])]
        with contextlib.suppress(argparse.ArgumentError, argparse.ArgumentTypeError, ValueError):
            if needs_value:
                parser._get_values(action, value)
            yield for_it


def understood(words: tuple[str, ...], given: list[str]) -> dict[str, object]:
    args, rest = PARSER.parse_known_args([*words, *given])
    if words in (("run",), ("serve",)):  # what is left there are the options of the recipe
        return {**vars(args), "left": [item for item in rest if "=" in item]}
    assert rest == []
    return vars(args)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_options_may_stand_anywhere(words: tuple[str, ...]) -> None:
    parser = COMMANDS[words]
    required = [
        part
        for action in parser._get_optional_actions()
        if action.required
        for part in (action.option_strings[-1], str(next(iter(action.choices or ["x=y"]))))
    ]
    rest = [*arguments(parser), *(["a.b=1"] if words in (("run",), ("serve",)) else [])]
    for option in options(parser):
        if option[0] in required:
            continue
        wanted = understood(words, [*rest, *required, *option])
        for at in range(len(rest) + 1):
            assert understood(words, [*rest[:at], *option, *rest[at:], *required]) == wanted, (option, at)


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        (["resume", "k3f2", "--detach", "sft.lora_r=8"], "overrides", ["sft.lora_r=8"]),
        (["resume", "--queue", "k3f2", "lr=1", "--json", "bs=2"], "overrides", ["lr=1", "bs=2"]),
        (["runs", "--order", "eval_loss", "state=failed", "--json", "lr=1"], "filter", ["state=failed", "lr=1"]),
        (["ask", "k3f2", "--seed", "1", "How do I ...?"], "question", "How do I ...?"),
        (["tag", "a", "--add", "x", "b", "--pin", "c"], "run", ["a", "b", "c"]),
    ],
)
def test_what_stands_behind_an_option_belongs_to_the_command(given: list[str], name: str, value: object) -> None:
    assert vars(PARSER.parse_args(given))[name] == value


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
def test_help_is_shown_with_what_is_required(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([*words, "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith("usage: steptune")
    for action in COMMANDS[words]._get_positional_actions() if words else ():
        assert str(action.metavar) in shown.split("options:")[0]


def test_a_missing_argument_is_still_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["show", "--json"])
    assert "the following arguments are required: RUN" in capsys.readouterr().err
    assert cli.main(["show", "one", "two"]) == 2


def test_a_term_with_a_minus_is_one_that_must_not_fit(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pathlib import Path

    from tests.tui.sample_runs import make_run

    root = Path(str(tmp_path))
    monkeypatch.setenv("STEPTUNE_RUNS", str(root))
    make_run(root, "a-sft-1", steps=2)
    make_run(root, "b-generate-2", "generate", steps=2)
    assert cli.main(["runs", "-generate"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["a-sft-1"]
    assert cli.main(["runs", "--nothing"]) == 2
