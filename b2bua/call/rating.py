"""What a bridged call costs: whole pulses, whole paise."""


def bill_duration_s(duration_s: int, pulse_s: int) -> int:
    """The billed seconds of a bridged call: whole pulses, at least one. 94 s at a pulse of 60 s is 120 s."""
    return max(1, -(-duration_s // pulse_s)) * pulse_s


def price_paise(billed_s: int, rate_paise_per_minute: int) -> int:
    """The charge for `bill_duration_s` seconds, a fraction of a paisa counted as a whole one.

    Rounded once, over all of it: a pulse may cost no whole paise, and is reserved as the difference that it makes.
    """
    return -(-rate_paise_per_minute * billed_s // 60)


def pulses_paise(first: int, more: int, rate_paise_per_minute: int, pulse_s: int) -> int:
    """What `more` pulses cost after `first` others: with theirs it adds up to the price of them all."""
    before = price_paise(first * pulse_s, rate_paise_per_minute)
    return price_paise((first + more) * pulse_s, rate_paise_per_minute) - before


def paid_talk_s(paise: int, rate_paise_per_minute: int, pulse_s: int) -> int | None:
    """The seconds of whole pulses that `paise` pay for; None where nothing has to be paid."""
    return paise * 60 // (rate_paise_per_minute * pulse_s) * pulse_s if rate_paise_per_minute else None


def rate_without(rate_paise_per_minute: int, free_legs: int) -> int:
    """The rate of a call of which 0 to 2 legs cost nothing; it is for both together. Half a paisa counts as a whole."""
    return -(-rate_paise_per_minute * (2 - free_legs) // 2)
