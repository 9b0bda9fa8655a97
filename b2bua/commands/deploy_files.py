"""Commands about the files for running it: unit, container, layout, dashboard, alert rules. No configuration."""

import argparse
from importlib.resources import files
from typing import Final

from b2bua.commands.output import CommandFailed, Output

FOLDER: Final = "deploy"
# The files by the name they are shown under, with what each is.
SHIPPED: Final = {
    "maskbridge.service": "a hardened systemd unit",
    "layout.md": "where things lie on a Debian-like machine, and how they get there",
    "Containerfile": "a container image, built from the repository",
    "grafana-dashboard.json": "a Grafana dashboard of /metrics",
    "prometheus-alerts.yml": "alert rules for Prometheus",
}


def deploy_list(_options: argparse.Namespace, output: Output) -> int:
    """`deploy list`: the files there are."""
    output.rows([{"name": name, "summary": summary} for name, summary in SHIPPED.items()], ("name", "summary"))
    return 0


def deploy_show(options: argparse.Namespace, output: Output) -> int:
    """`deploy show NAME`: the text of one, as it is to be put in its place."""
    if options.name not in SHIPPED:
        raise CommandFailed(f"no file is named {options.name!r}; there are: {', '.join(SHIPPED)}")
    text = shipped_text(options.name)
    output.one({"name": options.name, "summary": SHIPPED[options.name], "text": text}, text.rstrip("\n"))
    return 0


def shipped_text(name: str) -> str:
    """The text of a shipped file."""
    return files("b2bua.commands").joinpath(FOLDER, name).read_text(encoding="utf-8")
