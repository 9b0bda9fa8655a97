"""What is wrong with a configuration."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from b2bua.config.sections import Config


class ConfigInvalid(Exception):
    """The configuration cannot be used. `mistakes` are all of them, each naming its key and what is expected. `read`:
    it as far as it could be read, with defaults for what is wrong; None where nothing could be."""

    def __init__(self, mistakes: list[str], read: "Config | None" = None) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes
        self.read = read
