"""Settings of data-build: where how-to pairs come from, how they are cleaned, and how they are split."""

from __future__ import annotations

from toolkit.options.data import DataBuildOptions
from toolkit.settings.base import Settings


class DataBuildSettings(DataBuildOptions, Settings):
    """Sources to a clean, private, de-duplicated data set with a leak-free held-out test."""
