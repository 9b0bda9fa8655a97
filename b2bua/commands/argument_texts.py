"""What arguments that many commands have mean, and what is wrong with a word that is no command. Pure."""

import re
from difflib import get_close_matches
from typing import Final

# By the argument as it is declared.
ARGUMENT_TEXTS: Final = {
    "--org": "the organisation's id, as `maskbridge org list` shows it",
    "--name": "a name to tell it by",
    "--url": "where events are posted to",
    "--rupees": "how much, with two decimals at most",
    "--reference": "yours; what has the same one counts once",
    "--reason": "why, for people",
    "--kind": "correction of an invoice, or goodwill",
    "--page": "which page, from 1",
    "call_id": "the call's id, as `maskbridge calls` shows it",
    "delivery_id": "as `maskbridge webhook deliveries` shows it",
    "email": "the mail address that the person signs in with",
    "folder": "a folder that a backup was written to",
    "key_id": "as `maskbridge key list` shows it",
    "name": "its name",
    "org_id": "the organisation's id, as `maskbridge org list` shows it",
    "topup_id": "as `maskbridge payment list` shows it",
    "webhook_id": "as `maskbridge webhook list` shows it",
}
_NOT_A_NUMBER: Final = re.compile(r"(argument .*): invalid (?P<kind>int|float) value: (?P<typed>'.*')")
_NO_CHOICE: Final = re.compile(r"argument COMMAND: invalid choice: '(?P<word>.*)' \(choose from (?P<known>.*)\)")


def clearer(message: str) -> str:
    """argparse's complaint about a word that is no command, with the nearest that is, or about what is no number; any
    other complaint as it is."""
    number = _NOT_A_NUMBER.fullmatch(message)
    if number is not None:
        return f"{number[1]}: {number['typed']} is no {'whole ' if number['kind'] == 'int' else ''}number"
    found = _NO_CHOICE.fullmatch(message)
    if found is None:
        return message
    near = get_close_matches(found["word"].lower(), re.findall(r"[a-z-]+", found["known"]), n=1)
    return f"there is no command {found['word']!r}" + (f"; the nearest is {near[0]}" if near else "")
