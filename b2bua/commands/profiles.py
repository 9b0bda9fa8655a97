"""Commands about the trunk profiles that come with the product. They need no configuration."""

import argparse

from b2bua.commands.output import CommandFailed, Output
from b2bua.config.shipped import shipped_profiles


def profile_list(_options: argparse.Namespace, output: Output) -> int:
    """`profile list`: the profiles there are."""
    rows = [{"name": profile.name, "summary": profile.summary} for profile in shipped_profiles()]
    output.rows(rows, ("name", "summary"))
    return 0


def profile_show(options: argparse.Namespace, output: Output) -> int:
    """`profile show NAME`: the text of one, to be put into the configuration."""
    profiles = {profile.name: profile for profile in shipped_profiles()}
    profile = profiles.get(options.name)
    if profile is None:
        raise CommandFailed(f"no profile is named {options.name!r}; there are: {', '.join(profiles)}")
    output.one({"name": profile.name, "summary": profile.summary, "text": profile.text}, profile.text.rstrip())
    return 0
