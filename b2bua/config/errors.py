"""What is wrong with a configuration."""


class ConfigInvalid(Exception):
    """The configuration cannot be used. `mistakes` are all of them, each naming its key and what is expected."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes
