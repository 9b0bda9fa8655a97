"""RFC 3550 A.1, A.3, A.8: what a receiver counts; and the quality estimate."""

import pytest

from media.rtp.stats import MAX_MISORDER, Reception, mean_opinion_score


def fed(*sequences: int, apart_s: float = 0.02) -> Reception:
    reception = Reception()
    reception.restart(1, sequences[0])
    for place, sequence in enumerate(sequences[1:]):
        if reception.arrived(sequence, place * apart_s) is None:
            reception.restart(1, sequence)
    return reception


@pytest.mark.parametrize(
    ("sequences", "received", "lost"),
    [
        ((1, 2, 3), 3, 0),
        ((1, 2, 5), 3, 2),
        ((65534, 65535, 0, 1), 4, 0),
        ((65534, 1), 2, 2),
        ((1, 3, 2), 3, 0),
        ((1, 2, 2, 3), 3, 0),
        ((1, 3, 2, 2, 1, 3), 3, 0),  # what came late comes only once
        ((0, 2, 65535, 65535, 1, 1), 4, 0),
        ((7, 6, 5, 9), 4, 1),
        ((1, 2, 30000, 30001), 4, 0),  # a restart of the source, not 29,997 losses
        ((30000, 30001, 1, 2, 4), 5, 1),
        ((*range(91), *range(20)), 91 + 16, 0),  # one that begins anew with numbers that it has had
        ((*range(65500, 65536), *range(65500, 65511), 65513), 36 + 8, 2),
        ((*range(91), *range(4), 91, *range(4), 92), 93, 0),  # and repetitions, of which there may be some in a row,
        ((*range(91), *range(20, 10, -1), 91), 92, 0),  # in any order,
        ((*range(91), *[20] * 10, 91), 92, 0),  # of one and the same,
        ((0, *range(2, 12), *range(2, 6), 1, 12), 13, 0),  # and with one among them that had been waited for
    ],
)
def test_received_and_lost(sequences: tuple[int, ...], received: int, lost: int) -> None:
    figures = fed(*sequences).figures()
    assert (figures.received, figures.lost) == (received, lost)


def test_a_burst_that_a_network_sends_twice_is_no_new_beginning() -> None:
    figures = fed(*range(91), *range(20, 91), 91, apart_s=0.0005).figures()
    assert (figures.received, figures.lost) == (92, 0)


def test_what_is_remembered_of_a_gap_is_bounded() -> None:
    reception = fed(0)
    for sequence in range(2900, 60_000, 2900):
        assert reception.arrived(sequence, 0.0) == 2900
    assert len(reception._missing) <= MAX_MISORDER
    assert [reception.arrived(sequence, 0.0) for sequence in (57_999, 57_999, 57_901)] == [-1, 0, -99]


def test_totals_survive_a_change_of_source() -> None:
    reception = fed(1, 2, 4)
    reception.restart(2, 500)
    reception.arrived(503, 0.0)
    figures = reception.figures()
    assert (figures.received, figures.lost) == (5, 3)
    assert reception.lost_of_source == 2


def test_nothing_received_is_nothing_lost() -> None:
    assert (Reception().figures().received, Reception().figures().lost) == (0, 0)


def test_extended_highest_counts_cycles() -> None:
    assert fed(65534, 65535, 0, 1).extended_highest == 0x10001


def test_fraction_lost_is_of_the_interval() -> None:
    reception = fed(1, 2, 5)
    assert reception.report_fraction() == 2 * 256 // 5
    reception.arrived(6, 0.0)
    assert reception.report_fraction() == 0
    assert reception.report_fraction() == 0


def test_mos_is_high_on_a_clean_line_and_falls_with_loss_and_delay() -> None:
    clean = mean_opinion_score(0, 1000, 0.0, None)
    assert clean == pytest.approx(4.4, abs=0.05)
    lossy = mean_opinion_score(50, 1000, 0.0, None)
    slow = mean_opinion_score(0, 1000, 0.0, 600.0)
    assert 3.5 < lossy < clean
    assert 3.0 < slow < clean
    assert mean_opinion_score(1000, 1000, 0.0, None) < 1.6
    assert mean_opinion_score(0, 0, 0.0, None) == clean
