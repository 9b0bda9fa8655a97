"""What fails again and again while it is away, and how often that is told."""


class Outage:
    """Counts failures in a row. The first is to be told, the second, the fourth, the eighth and so on: an hour of one
    each second has twelve lines in the log."""

    __slots__ = ("failures",)

    def __init__(self) -> None:
        self.failures = 0  # in a row

    def failed(self) -> bool:
        """Once more; whether that is to be told."""
        self.failures += 1
        return self.failures & (self.failures - 1) == 0

    def over(self) -> int:
        """It went well: after how many failures."""
        failures, self.failures = self.failures, 0
        return failures
