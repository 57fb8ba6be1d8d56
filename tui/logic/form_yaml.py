"""A form as a YAML file for an editor, and back."""

from __future__ import annotations

from toolkit.config_yaml import PlainLoader, read_yaml
from tui.logic.form import Form, flat_by_fields
from tui.logic.values import is_same, value_text


def to_yaml(form: Form) -> str:
    """All options with their help as comments."""
    lines = [
        f"# {form.recipe} from {form.source}. Save and quit to apply the changes; an unchanged file changes nothing."
    ]
    for section in form.sections:
        depth = section.title.count(".") + 1 if section.title else 0
        if section.title:
            lines += ["", f"{'  ' * (depth - 1)}{section.title.rsplit('.', 1)[-1]}:"]
        for item in section.fields:
            lines += [f"{'  ' * depth}# {item.help}", f"{'  ' * depth}{item.name}: {form.text(item.key) or 'null'}"]
    return "\n".join(lines) + "\n"


def take_yaml(form: Form, text: str) -> list[str]:
    """Apply an edited file to the form; returns the keys that changed. Raises yaml.YAMLError or ValueError for what is
    no config.
    """
    values = read_yaml(text, PlainLoader)
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ValueError(f"found {type(values).__name__}, expected options as `name: value` lines")
    before = dict(form.changes)
    for key, value in flat_by_fields(values, form.fields).items():
        text_of_value = value_text(value)
        if not is_same(text_of_value, form.text(key)):
            form.set(key, text_of_value)
    return sorted(key for key in {*before, *form.changes} if before.get(key) != form.changes.get(key))
