"""The stages of a pipeline by name, in the order in which they run. Imports nothing: screens and commands read it as
well.
"""

STAGE_NAMES = ("data-build", "sft", "generate-baseline", "generate-tuned", "evaluate")


def recipe_of(stage_name: str) -> str:
    """The recipe that a stage runs."""
    return "generate" if stage_name.startswith("generate") else stage_name
