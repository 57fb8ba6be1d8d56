"""The licences of what is installed: none that the product may not have, and the page says them as they are."""

from __future__ import annotations

import pytest

from scripts import licences
from scripts.licences import PAGE, Package, is_strong


def test_nothing_that_a_run_needs_is_under_the_gpl_or_agpl_or_states_no_licence() -> None:
    assert licences.problems(licences.runtime_set()) == []


@pytest.mark.parametrize(
    ("licence", "strong"),
    [
        ("GPL-3.0-only", True),
        ("AGPL-3.0-or-later", True),
        ("GNU General Public License v2 (GPLv2)", True),
        ("GNU Affero General Public License v3", True),
        ("MIT OR GPL-2.0-only", False),
        ("MIT AND GPL-2.0-only", True),
        ("LGPL-2.1-only", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("MPL-2.0 AND MIT", False),
    ],
)
def test_a_licence_that_the_product_may_not_have_is_known(licence: str, strong: bool) -> None:
    assert is_strong(licence) is strong
    assert bool(licences.problems([Package("some", licence)])) is strong


def test_the_page_names_every_package_of_the_environment_with_its_licence() -> None:
    """A package that the page has and this environment has not is left to `scripts/licences.py`: another edition of a
    library may ask for others.
    """
    text = PAGE.read_text("utf-8")
    runtime, development = licences.runtime_set(), licences.development_set()
    assert [package.line for package in (*runtime, *development) if package.line not in text] == []
    assert len(runtime) > 150, "the environment of `make setup` has all packages of the set"
    weak = [package.name for package in runtime if licences.WEAK.search(package.licence)]
    said = text.partition("Under the LGPL or MPL")[2].partition("\n\n")[0]
    assert [name for name in weak if name not in said] == []
