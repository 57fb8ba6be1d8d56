"""The `steptune` command line: parsing and dispatch. Commands live in toolkit.commands and are imported when called.

`steptune --help` must answer in under 0.3 s, so this module imports the standard library only.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Callable, Sequence

from toolkit import catalog
from toolkit.commands.night_arguments import (
    add_night_arguments,
    add_notice_arguments,
    add_queue_arguments,
    add_sweep_arguments,
)
from toolkit.options.export import add_export_arguments, add_prove_arguments
from toolkit.options.merge import add_merge_arguments

_OVERRIDE = re.compile(r"^[A-Za-z_][\w.]*=", re.ASCII)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 run failed, 2 wrong command or config, 3 preflight refused,
    4 a gate is not decided, 130 cancelled.
    """
    from toolkit.errors import EXIT_CANCELLED, SteptuneError, UsageError
    from toolkit.permissions import keep_others_from_writing

    keep_others_from_writing()
    given = list(sys.argv[1:] if argv is None else argv)
    if not given:
        return _screens_or_help()
    own, accelerate_args = _split_at_double_dash(given)
    parser = build_parser()
    args, rest = parser.parse_known_args(own)
    args.accelerate_args, args.given = accelerate_args, own[1:]
    try:
        if args.command in ("run", "serve"):
            args.overrides, rest = (
                [item for item in rest if _OVERRIDE.match(item)],
                [item for item in rest if not _OVERRIDE.match(item)],
            )
        if args.command == "runs":  # a term with a minus before it is one that must not fit
            args.filter += [item for item in rest if not item.startswith("--")]
            rest = [item for item in rest if item.startswith("--")]
        if rest:
            raise UsageError(
                f"steptune {args.command} does not know {' '.join(rest)}; see `steptune {args.command} --help`."
            )
        if accelerate_args and args.command != "run":
            raise UsageError("Arguments after -- go to accelerate and belong to `steptune run` only.")
        module, function = args.handler.split(":")
        return int(getattr(importlib.import_module(f"toolkit.commands.{module}"), function)(args))
    except SteptuneError as error:
        from toolkit.terminal.output import say_error

        say_error(f"steptune: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_CANCELLED
    except BrokenPipeError:  # `steptune runs | head`
        sys.stderr.close()
        return 0


class _Parser(argparse.ArgumentParser):
    """Options may stand before, between and behind the other arguments: by itself argparse gives up on arguments that
    may be missing as soon as an option comes.
    """

    _is_inside = False

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        if self._is_inside or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._is_inside = True  # for it is called once for the options and once for the rest
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_inside = False


def _split_at_double_dash(given: list[str]) -> tuple[list[str], tuple[str, ...]]:
    if "--" not in given:
        return given, ()
    at = given.index("--")
    return given[:at], tuple(given[at + 1 :])


def _screens_or_help() -> int:
    """The screens on a terminal; the help elsewhere."""
    import os

    if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return main(["screens"])
    build_parser().print_help()
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; every command names its handler as `module:function` of toolkit.commands."""
    parser = _Parser(
        prog="steptune",
        description="Fine-tune a language model on how-to questions, and prove that it answers them better.",
        epilog=(
            "Without a command: the screens on a terminal. Exit codes: 0 done, 1 the run failed, 2 the command or"
            " config is wrong, 3 this machine cannot run it, 4 the rows do not decide a --fail-under, 130 cancelled."
        ),
    )
    from toolkit import __version__

    parser.add_argument("--version", action="version", version=f"steptune {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, handler: str, summary: str, json: bool = False) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        command.set_defaults(handler=handler)
        if json:
            command.add_argument(
                "--json", action="store_true", help="print one JSON document on stdout and nothing else there"
            )
        return command

    add("recipes", "recipes:recipes", "recipes and their presets, with a line each", json=True).add_argument(
        "recipe", nargs="?", metavar="RECIPE", help="show the options of one recipe"
    )
    _add_run(add("run", "run:run", "start a recipe; KEY=VALUE changes an option of its config", json=True))
    listed = add("runs", "runs:runs", "all runs: id, recipe, state, progress, headline number", json=True)
    listed.add_argument(
        "filter", nargs="*", metavar="TERM", help="for example state=failed 'eval_loss<2' lr=1e-4 tag=best mistral"
    )
    listed.add_argument(
        "--order", metavar="NAME", default="newest", help="newest, state, recipe, progress, a number or a setting"
    )
    listed.add_argument("--turned", action="store_true", help="the other way round")
    listed.add_argument(
        "--columns", metavar="NAMES", default="", help="numbers and settings to show, separated by commas"
    )
    _with_run(add("show", "show:show", "one run: settings, state, outputs", json=True))
    logs = _with_run(add("logs", "show:logs", "the log of a run"))
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the run ends")
    logs.add_argument(
        "-n", "--lines", type=int, default=200, metavar="N", help="start with the last N lines (default 200)"
    )
    _with_run(add("stop", "stop:stop", "ask a run to save and end; leave no process behind", json=True))
    _with_run(
        add("checkpoint", "checkpoint:checkpoint", "have a running training save a checkpoint and go on", json=True)
    )
    resume = _with_run(add("resume", "run:resume", "continue a run that was stopped, failed or was lost", json=True))
    resume.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="options that change on the way, for one after memory ran out"
    )
    how = resume.add_mutually_exclusive_group()
    how.add_argument("--detach", action="store_true", help="return once it is up again")
    how.add_argument("--queue", action="store_true", help="put it at the end of the queue")
    add_sweep_arguments(
        add("sweep", "sweep:show", "the runs of a sweep as a table: setting and seed, mean and spread", json=True)
    )
    add_queue_arguments(
        add("queue", "queue:show", "the runs that wait for their turn, and changes of their order", json=True)
    )
    add_notice_arguments(add("notice", "notice:notice", "what is done when a run or the queue has ended", json=True))
    compare = add(
        "compare", "compare:compare", "runs side by side: the settings that differ, and their numbers", json=True
    )
    compare.add_argument("run", nargs="+", metavar="RUN", help="two or more runs")
    note = _with_run(add("note", "show:note", "write a note to a run, or show its notes"))
    note.add_argument("text", nargs="?", metavar="TEXT", help="the note; without it the notes are shown")
    tag = add("tag", "tag:tag", "tags of runs, and whether they are pinned to the top of the lists", json=True)
    tag.add_argument("run", nargs="+", metavar="RUN", help="runs by id, unique part of an id, or path")
    tag.add_argument("--add", action="append", default=[], metavar="TAG", help="may be given more than once")
    tag.add_argument("--remove", action="append", default=[], metavar="TAG", help="may be given more than once")
    tag.add_argument("--pin", action=argparse.BooleanOptionalAction, help="keep them on top of the lists")
    remove = add("rm", "stop:remove", "put ended runs into the trash")
    remove.add_argument("run", nargs="+", metavar="RUN", help="runs by id, unique part of an id, or path")
    remove.add_argument("--now", action="store_true", help="delete them for good, past the trash")
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add("restore", "stop:restore", "take runs back from the trash").add_argument(
        "run", nargs="+", metavar="RUN", help="runs in the trash by id or unique part of an id"
    )
    trash = add("trash", "stop:trash", "what is in the trash, and how large it is", json=True)
    trash.add_argument("--empty", action="store_true", help="delete it for good")
    trash.add_argument("-y", "--yes", action="store_true", help="do not ask")
    _add_ask(_with_run(add("ask", "ask:ask", "put questions to a run's model: its base and the tuned one", json=True)))
    _add_serve(_with_run(add("serve", "serve:serve", "put a run's model behind OpenAI's API until it is stopped")))
    add_merge_arguments(add("merge", "merge:merge", "merge an adapter into its base model, tensor by tensor"))
    add_export_arguments(
        add("export", "export:export", "write a tuned model as GGUF, for Ollama, vLLM or the hub, and prove the file")
    )
    add_prove_arguments(add("prove", "export:prove", "prove an export again: weights, prompts, stop tokens, answers"))
    _add_curate(
        add("curate", "curate:curate", "go through the rows of a data set: accept, edit, reject, flag, undo", json=True)
    )
    screens = add("screens", "screens:screens", "the screens, as without a command; --readonly for looking only")
    screens.add_argument("--readonly", action="store_true", help="nothing can be started, stopped or deleted")
    screens.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    _add_study(add("study", "study:new", "a blind study with human raters: new, rate, lock, unblind, report, verify"))
    _add_plan(add("plan", "plan:plan", "what a claim needs: test rows, trainings, raters, and their cost", json=True))
    completion = add("completion", "completion:completion", "the script by which a shell completes all of this")
    completion.add_argument(
        "shell", choices=("bash", "zsh"), metavar="SHELL", help="bash or zsh; docs/runs.md says where the script goes"
    )
    completion.set_defaults(parser=parser)
    look = add("doctor", "doctor:doctor", "hardware, versions, disk, and what each recipe can do here", json=True)
    look.add_argument(
        "--python",
        action="append",
        metavar="PATH",
        help="another interpreter to ask for its vLLM; may be given more than once",
    )
    return parser


def _with_run(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument(
        "run", metavar="RUN", help="id, unique part of an id, `latest`, PIPELINE/STAGE, or path of a run folder"
    )
    return command


def _add_run(command: argparse.ArgumentParser) -> None:
    command.usage = (
        "steptune run RECIPE [--preset NAME | -c FILE] [--on NAME] [--run-dir DIR] [--detach | --queue [--share]]"
        " [--sweep KEY=V1,V2 ...] [--seeds N] [--stop-after SHARE] [--submit slurm [--slurm NAME=VALUE ...]]"
        " [--dry-run] [--json] [KEY=VALUE ...]"
        " [-- ACCELERATE ARGS]"
    )
    *names, last = catalog.RECIPES
    gated = catalog.names_where(lambda recipe: recipe.fail_under)
    command.add_argument(
        "recipe",
        metavar="RECIPE",
        help=f"{', '.join(names)} or {last}; `steptune recipes RECIPE` lists its options",
    )
    start = command.add_mutually_exclusive_group()
    start.add_argument("--preset", metavar="NAME", help="start from this preset (default: default)")
    start.add_argument("-c", "--config", metavar="FILE", help="start from this YAML file")
    command.add_argument(
        "--on",
        metavar="NAME",
        help="accelerate config by name or path (default: single_gpu with an NVIDIA GPU, else cpu)",
    )
    command.add_argument(
        "--run-dir",
        metavar="DIR",
        help="folder of the run, new or empty (default: a new one in $STEPTUNE_RUNS or ./runs)",
    )
    command.add_argument("--detach", action="store_true", help="return once the recipe is up and has taken its config")
    add_night_arguments(command)
    command.add_argument(
        "--dry-run", action="store_true", help="show config, command line and preflight, and start nothing"
    )
    command.add_argument(
        "--fail-under",
        action="append",
        default=[],
        metavar="METRIC=VALUE",
        help=(
            f"{gated}: exit with 1 if the whole interval of METRIC (or METRIC_difference, METRIC_above_floor, ...) is"
            " below VALUE, with 4 if it includes VALUE"
        ),
    )


def _add_ask(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "question", nargs="?", metavar="QUESTION", help="without it, each line of standard input is a question"
    )
    command.add_argument("--system", choices=("baseline", "tuned", "both"), help="who answers (default: what there is)")
    for name, kind, text in (
        ("temperature", float, "0 is greedy (default: the run's own)"),
        ("n", int, "answers to each question; more than one needs a temperature above 0"),
        ("max-new-tokens", int, "longest answer (default: the run's own, or 512)"),
        ("seed", int, "of the draws"),
    ):
        command.add_argument(f"--{name}", type=kind, metavar="X", help=text)
    command.add_argument(
        "--server", metavar="URL", help="ask an OpenAI-compatible server that is up; nothing is loaded"
    )
    command.add_argument("--server-model", metavar="NAME", help="the model on that server, where it serves several")


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.usage = (
        "steptune serve RUN [--port N] [--host ADDRESS] [--base] [--on NAME] [--run-dir DIR] [--detach] [KEY=VALUE ...]"
    )
    command.add_argument("--port", type=int, metavar="N", help="port to listen on (default 8000)")
    command.add_argument(
        "--host", metavar="ADDRESS", help="address to listen on (default 127.0.0.1: this machine only)"
    )
    command.add_argument("--base", action="store_true", help="the base model, without the adapter")
    command.add_argument("--on", metavar="NAME", help="accelerate config that says whether a GPU is taken")
    command.add_argument("--run-dir", metavar="DIR", help="folder of the server's run, new or empty")
    command.add_argument("--detach", action="store_true", help="return once the server is up")


def _add_plan(command: argparse.ArgumentParser) -> None:
    from toolkit.results.metrics import COMPARED, PRIMARY

    command.add_argument("results", nargs="?", metavar="RESULTS", help="results.json of a pilot, or its report folder")
    command.add_argument("--metric", choices=COMPARED, default=PRIMARY, help=f"default {PRIMARY}")
    for name, default, text in (
        ("effect", None, "true gain above the floor that is to be shown (default: the pilot's)"),
        ("sd", None, "standard deviation of a group's difference (default: the pilot's)"),
        ("training-sd", None, "standard deviation of the difference between seeds (default: the pilot's)"),
        ("rows-per-group", None, "test rows in a group of related ones (default: the pilot's, or 1)"),
        ("power", 0.8, "default 0.8"),
        ("training-hours", None, "GPU hours of one training (default: what the pilot's took)"),
        ("row-cost", None, "money for one test row"),
        ("points", 0.25, "difference of people's scores from 1 to 5 that is to be shown (default 0.25)"),
        ("item-sd", 0.6, "of the difference between questions, in points (default 0.6)"),
        ("rater-sd", 0.15, "between raters (default 0.15)"),
        ("residual-sd", 0.8, "what is left (default 0.8)"),
        ("rating-cost", None, "money for one rating"),
    ):
        command.add_argument(f"--{name}", type=_number(name), default=default, metavar="X", help=text)


def _number(name: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text)
        if not 0 < value < (1 if name == "power" else 1e9):
            raise argparse.ArgumentTypeError(f"found {text}, expected a number above 0")
        return value

    read.__name__ = "number"
    return read


def _add_study(command: argparse.ArgumentParser) -> None:
    steps = command.add_subparsers(dest="step", metavar="STEP", required=True)

    def add(name: str, summary: str, json: bool = True) -> argparse.ArgumentParser:
        step = steps.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        step.set_defaults(handler=f"study:{name}")
        step.add_argument("study", metavar="STUDY", help="folder of the study")
        if json:
            step.add_argument(
                "--json", action="store_true", help="print one JSON document on stdout and nothing else there"
            )
        return step

    def with_key(step: argparse.ArgumentParser) -> None:
        step.add_argument(
            "--key", metavar="FILE", help="where the key is (default: STUDY.key, next to the study's folder)"
        )
        step.add_argument(
            "--passphrase-file", metavar="FILE", help="file that holds the passphrase; asked for otherwise"
        )

    new = add("new", "seal a plan, the answers and a key, and draw a packet for each rater")
    new.add_argument(
        "--data",
        metavar="DIR",
        required=True,
        help="data set folder (its test.jsonl) or a JSONL file with the human answers",
    )
    new.add_argument(
        "--system", metavar="NAME=FILE", action="append", required=True, help="predictions of a system; once or twice"
    )
    new.add_argument("--raters", metavar="NAMES", required=True, help="names, separated by commas")
    new.add_argument(
        "--plan", metavar="FILE", help="YAML with criteria, anchors, claims, margins, exclusion rules and shares"
    )
    new.add_argument("--items", type=int, metavar="N", help="questions (default 60, or all)")
    new.add_argument("--core", type=int, metavar="N", help="questions that every rater gets (default 20)")
    new.add_argument("--margin", type=float, metavar="POINTS", help="non-inferiority margin (default 0.25)")
    new.add_argument("--title", metavar="TEXT", help="what raters see as the study's title")
    new.add_argument(
        "--acknowledge-leaks", action="store_true", help="go on although answers hold what could give a system away"
    )
    new.add_argument("--passphrase", action="store_true", help="protect the key with a passphrase, which is asked for")
    with_key(new)
    rate = add("rate", "rate on the screen, or line by line with --plain", json=False)
    rate.add_argument("--rater", metavar="NAME", help="who rates; not needed for a packet file in place of STUDY")
    rate.add_argument("--plain", action="store_true", help="a dialogue of lines, for screen readers and slow links")
    add("lock", "fix the ratings as they are").add_argument(
        "--incomplete", action="store_true", help="also if not everybody is done"
    )
    with_key(add("unblind", "open the key, after the lock"))
    add("report", "what the ratings show").add_argument(
        "--results", metavar="FILE", help="results.json of evaluate, to compare its metrics with people"
    )
    verify = add("verify", "name whatever was changed in plan, answers, packets, ratings, key or report")
    verify.add_argument("--lock", metavar="HASH", help="the hash that `lock` printed and that was handed out")
    verify.add_argument(
        "--receipt", metavar="TEXT", action="append", default=[], help="a rater's receipt; once or several times"
    )
    with_key(verify)


def _add_curate(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "dataset",
        metavar="DATASET",
        help="data set folder, or a data-build or pipeline run by id, unique part of an id, `latest`, or path",
    )
    command.add_argument(
        "--annotator", metavar="NAME", help="who decides; a journal each (default: the name of the user)"
    )
    command.add_argument(
        "--overlap",
        type=float,
        metavar="SHARE",
        help="share of the rows that everybody decides, set by who comes first (default 0.2)",
    )
    command.add_argument(
        "--plain", action="store_true", help="line by line instead of the screen; reads commands from standard input"
    )
    command.add_argument(
        "--audit",
        type=int,
        metavar="ROWS",
        help="judge rows drawn at random, line by line, and see what share is right, with its interval",
    )
    command.add_argument("--report", action="store_true", help="show progress and agreement, and decide nothing")


if __name__ == "__main__":
    sys.exit(main())
