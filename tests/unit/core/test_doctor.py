"""What doctor says of recipes whose options only a user can give."""

from __future__ import annotations

import pytest

from toolkit.commands import doctor
from toolkit.machine import packages


def test_a_recipe_that_waits_for_data_and_lacks_its_packages_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found = doctor._recipe("evaluate", "default")
    assert (found["ok"], found["reasons"][0].startswith("needs ")) == (True, True)
    here = packages.is_installed
    monkeypatch.setattr(packages, "is_installed", lambda name: name not in ("torch", "vllm") and here(name))
    for recipe, reason in (
        ("sft", "torch not installed"),
        ("generate", "vllm is not installed"),
        ("evaluate", "torch not"),
    ):
        found = doctor._recipe(recipe, "default")
        assert not found["ok"]
        assert reason in found["reasons"][0]
