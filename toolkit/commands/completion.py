"""`steptune completion bash|zsh`: the script by which a shell completes commands, options, recipes, presets, runs and
`KEY=VALUE`.

    source <(steptune completion bash)

shtab writes it from the parser. It holds all names, so that no Python starts when a key is pressed; the runs alone are
looked up then, by their folders.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from toolkit import catalog
from toolkit.commands.recipes import walk_options
from toolkit.terminal.output import say

KEYS = {"bash": "_steptune_keys", "zsh": "_steptune_keys"}
PRESETS = {"bash": "_steptune_presets", "zsh": "_steptune_presets"}
RUNS = {"bash": "_steptune_runs", "zsh": "_steptune_runs"}
TRASH = {"bash": "_steptune_trash", "zsh": "_steptune_trash"}
BY_METAVAR: dict[str, dict[str, str] | str] = {
    "RUN": RUNS,
    "KEY=VALUE": KEYS,
    "KEY=V1,V2": KEYS,
    "FILE": "file",
    "PATH": "file",
    "RESULTS": "file",
    "DIR": "directory",
    "STUDY": "directory",
    "EXPORT": "directory",
}
FUNCTIONS = {
    "bash": r"""
_steptune_recipe() {  # of the line that is typed: a recipe's name, or a run of one
  local word name
  for word in "${COMP_WORDS[@]:1}"; do
    for name in "${!_steptune_options_of[@]}"; do
      [[ $word == "$name" || $word == *-"$name"-* ]] && { echo "$name"; return; }
    done
  done
}
_steptune_presets() { compgen -W "${_steptune_presets_of[$(_steptune_recipe)]}" -- "$1"; }
_steptune_keys() {
  local recipe before; recipe=$(_steptune_recipe); before=${COMP_WORDS[COMP_CWORD-1]}
  if [[ $1 == = ]]; then compgen -W "${_steptune_values_of[$recipe.$before]}"
  elif [[ $before == = ]]; then
    local values=${_steptune_values_of[$recipe.${COMP_WORDS[COMP_CWORD-2]}]}
    if [[ $values ]]; then compgen -W "$values" -- "$1"; else compgen -f -- "$1"; fi
  else compgen -W "${_steptune_options_of[$recipe]}" -- "$1"
  fi
}
_steptune_ids() {
  local file
  for file in "$1"/*/run.json; do [[ -e $file ]] && { file=${file%/run.json}; echo "${file##*/}"; }; done
}
_steptune_runs() { compgen -W "latest $(_steptune_ids "${STEPTUNE_RUNS:-runs}")" -- "$1"; }
_steptune_trash() { compgen -W "$(_steptune_ids "${STEPTUNE_RUNS:-runs}/.trash")" -- "$1"; }
""",
    "zsh": r"""
_steptune_recipe() {  # of the line that is typed: a recipe's name, or a run of one
  local word name
  for word in $words[2,-1]; do
    for name in ${(k)_steptune_options_of}; do
      [[ $word == $name || $word == *-$name-* ]] && { echo $name; return; }
    done
  done
}
_steptune_presets() { compadd -- ${=_steptune_presets_of[$(_steptune_recipe)]}; }
_steptune_keys() {
  local recipe=$(_steptune_recipe)
  if compset -P 1 '*='; then
    local values=$_steptune_values_of[$recipe.${IPREFIX%=}]
    if [[ -n $values ]]; then compadd -- ${=values}; else _files; fi
  else compadd -S '' -- ${=_steptune_options_of[$recipe]}
  fi
}
_steptune_runs() { compadd -- latest ${STEPTUNE_RUNS:-runs}/*/run.json(N:h:t); }
_steptune_trash() { compadd -- ${STEPTUNE_RUNS:-runs}/.trash/*/run.json(N:h:t); }
""",
}
# shtab's function ends every word with a space; behind `lora_r=` there must be none.
AT_THE_END = {
    "bash": """
_steptune() {
  _shtab_steptune
  [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
  return 0
}
complete -o bashdefault -F _steptune steptune
""",
    "zsh": "",
}


def completion(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab  # here: no other command needs it

    parser: argparse.ArgumentParser = args.parser
    for command in _commands(parser):
        _tell_what_completes(command)
    shell: str = args.shell
    script = shtab.complete(parser, shell, preamble="\n".join([*_names(), FUNCTIONS[shell]]))
    say(script + AT_THE_END[shell])
    return 0


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """All commands and steps of commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield below
                yield from _commands(below)


def _tell_what_completes(command: argparse.ArgumentParser) -> None:
    """Mark the arguments of a command with what shtab is to complete them by."""
    name = command.prog.split()[-1]
    if "KEY=VALUE" in (command.usage or ""):  # such a parser leaves the options of the recipe to the config
        command.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="an option of the recipe")
    for action in command._actions:
        if action.metavar == "RECIPE":
            action.choices = list(catalog.RECIPES)
        elif "--on" in action.option_strings:
            action.choices = catalog.accelerate_config_names()
        elif "--preset" in action.option_strings:
            action.complete = PRESETS  # type: ignore[attr-defined]
        elif name == "restore" and action.metavar == "RUN":
            action.complete = TRASH  # type: ignore[attr-defined]
        elif action.metavar in BY_METAVAR:
            action.complete = BY_METAVAR[str(action.metavar)]  # type: ignore[attr-defined]


def _names() -> Iterator[str]:
    """Presets and options of each recipe, and the choices of those options that have some, as arrays by name."""
    options = {name: list(walk_options(recipe.settings)) for name, recipe in catalog.RECIPES.items()}
    yield _array("presets", {name: recipe.presets for name, recipe in catalog.RECIPES.items()})
    yield _array("options", {name: [f"{option['name']}=" for option in found] for name, found in options.items()})
    values = {
        f"{name}.{option['name']}": option["choices"]
        for name, found in options.items()
        for option in found
        if option["choices"]
    }
    yield _array("values", values)


def _array(name: str, words: dict[str, Any]) -> str:
    """One that both shells read."""
    entries = "\n".join(f'  [{key}]="{" ".join(some)}"' for key, some in words.items())
    return f"declare -gA _steptune_{name}_of=(\n{entries}\n)"
