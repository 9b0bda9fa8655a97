"""What a bridged call costs: whole pulses, whole paise."""


def pulse_paise(rate_paise_per_minute: int, pulse_s: int) -> int:
    """The price of one pulse in paise, a fraction of a paisa counted as a whole one."""
    return -(-rate_paise_per_minute * pulse_s // 60)


def bill_duration_s(duration_s: int, pulse_s: int) -> int:
    """The billed seconds of a bridged call: whole pulses, at least one. 94 s at a pulse of 60 s is 120 s."""
    return max(1, -(-duration_s // pulse_s)) * pulse_s


def price_paise(billed_s: int, rate_paise_per_minute: int, pulse_s: int) -> int:
    """The charge for `bill_duration_s` seconds: so many pulses at `pulse_paise` each."""
    return billed_s // pulse_s * pulse_paise(rate_paise_per_minute, pulse_s)


def rate_without(rate_paise_per_minute: int, free_legs: int) -> int:
    """The rate of a call of which 0 to 2 legs cost nothing; it is for both together. Half a paisa counts as a whole."""
    return -(-rate_paise_per_minute * (2 - free_legs) // 2)
