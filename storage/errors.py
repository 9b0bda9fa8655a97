"""What storage refuses, and why."""


class StorageError(Exception):
    """Any refusal or failure of the store."""


class StoreUnavailable(StorageError):
    """The database cannot be written or read now (disk full, locked, closed); nothing of the unit of work happened."""


class BalanceTooLow(StorageError):
    """The available balance does not cover the amount."""

    def __init__(self, available_paise: int, wanted_paise: int) -> None:
        super().__init__(f"{wanted_paise} paise wanted, {available_paise} available")
        self.available_paise = available_paise
        self.wanted_paise = wanted_paise


class TransferConflict(StorageError):
    """A transfer with this id exists and says something else."""


class UnknownRecord(StorageError):
    """No such organisation, key, endpoint or call."""


class IllegalState(StorageError):
    """A constraint of the database refused what the unit of work wrote; the unit was rolled back whole."""


class DatabaseUnusable(StorageError):
    """The file is not ours, newer than this program or of altered migrations; or the URL names no database."""
