"""Configurations for tests: TOML text in, a `Config` or its mistakes out."""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from b2bua.config import Config, ConfigInvalid, read_config
from b2bua.config.sections import LISTS, SECTIONS

NOWHERE = Path("/nonexistent/maskbridge.toml")

A_TRUNK = """
[[trunks]]
name = "carrier"
uri = "sip:sip.carrier.example:5060"
numbers = ["917969002802"]
"""


def config_of(text: str, environ: Mapping[str, str] | None = None, path: Path = NOWHERE) -> Config:
    """The configuration that this TOML text is."""
    return read_config(tomllib.loads(text), path, environ or {})


def mistakes_in(text: str, environ: Mapping[str, str] | None = None, path: Path = NOWHERE) -> list[str]:
    """All the mistakes in this TOML text; none is an empty list."""
    try:
        config_of(text, environ, path)
    except ConfigInvalid as invalid:
        return invalid.mistakes
    return []


def default_of(section: str, key: str) -> Any:
    """The default of a key; `dataclasses.MISSING` for one that must be given."""
    made = SECTIONS.get(section) or LISTS[section]
    return next((each.default for each in fields(made) if each.name == key), MISSING)
