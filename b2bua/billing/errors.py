"""What cannot be billed."""


class BillingError(ValueError):
    """The first of its family."""


class GstinInvalid(BillingError):
    """Not a GSTIN."""


class StateUnknown(BillingError):
    """Not a state of India."""


class StatesDisagree(BillingError):
    """A GSTIN is of another state than the one that is given beside it."""


class ShareUneven(BillingError):
    """Nothing but CGST and SGST is left of an amount, which are equal, and an odd number of paise is to go back."""


class SerialTooLong(BillingError):
    """The number of a document would have more than sixteen characters."""
