"""What the demo shows: tidy aligned lines, colours on a terminal alone."""

import os
from enum import StrEnum
from typing import Final, TextIO


class Colour(StrEnum):
    """ANSI foreground colours."""

    BOLD = "1"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    BLUE = "34"
    MAGENTA = "35"
    CYAN = "36"


_RESET: Final = "\x1b[0m"


class Screen:
    """Writes lines to a text stream, each flushed as it is written; once nobody reads them, to nowhere."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._read = True
        self._coloured = out.isatty() and "NO_COLOR" not in os.environ

    def paint(self, text: str, colour: Colour) -> str:
        """The text in that colour where colours are shown."""
        return f"\x1b[{colour}m{text}{_RESET}" if self._coloured else text

    def line(self, text: str = "") -> None:
        """A line as it is."""
        if not self._read:
            return
        try:
            self._out.write(text + "\n")
            self._out.flush()
        except BrokenPipeError:
            self._read = False

    def heading(self, text: str) -> None:
        """A new part."""
        self.line()
        self.line(self.paint(text, Colour.BOLD))

    def fact(self, label: str, text: str) -> None:
        """A label and what is to be said of it."""
        self.line(f"  {label:<16}{text}")

    def event(self, at_s: float, who: str, text: str, colour: Colour) -> None:
        """Something that happened `at_s` seconds into the call."""
        self.line(f"  {at_s:8.3f} s  {self.paint(f'{who:<8}', colour)}  {text}")

    def promise(self, kept: bool, text: str, detail: str) -> None:
        """A promise and whether it was kept, with what was found."""
        word = self.paint("kept  ", Colour.GREEN) if kept else self.paint("BROKEN", Colour.RED)
        self.line(f"  {word}  {text}" + (f"  ({detail})" if detail else ""))
