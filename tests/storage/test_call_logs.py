from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.call_logs import HOUR_MS, CallLogs
from storage.queries import Queries, load_statements
from storage.records import TEST_NUMBER, CallFilter, CallRecord, CallStatus
from storage.store import Store
from storage.units import UnitOfWork
from tests.support.sqlite_rows import bare_database
from tests.support.stored import ORG, PARTY_A, PARTY_B, a_call, an_organisation, completed, failed, saving

EVERYTHING = CallFilter()


def filing(record: CallRecord) -> Callable[[UnitOfWork], bool]:
    return lambda unit: unit.cdrs.add(record)


def pairing(party_a: str, party_b: str, at: int) -> Callable[[UnitOfWork], tuple[str, str]]:
    return lambda unit: unit.numbers.choose(ORG, party_a, party_b, [("t", "n")], at)


async def found(store: Store, call_id: str) -> CallRecord | None:
    return await store.read(lambda reader: reader.call(ORG, call_id))


async def save(store: Store, *records: CallRecord) -> None:
    for record in records:
        if record.status in {CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.NO_ANSWER}:
            await store.run(filing(record))
        else:
            await store.run(saving(record))


async def page(
    store: Store, wanted: CallFilter = EVERYTHING, number: int = 1, per_page: int = 20
) -> tuple[list[str], int]:
    records, total = await store.read(lambda reader: reader.calls(ORG, wanted, number, per_page))
    return [record.call_id for record in records], total


async def test_an_empty_log(funded: Store) -> None:
    assert await page(funded) == ([], 0)
    assert await page(funded, number=7) == ([], 0)


async def test_newest_first_live_and_finished_together_ids_break_ties(funded: Store) -> None:
    await save(
        funded,
        replace(a_call("live-early", created_at=5), started_at=10),
        failed(a_call("done-late", created_at=40)),
        replace(a_call("b-tie", created_at=1), started_at=20),
        completed(a_call("c-tie", created_at=20)),
        failed(a_call("a-tie", created_at=20)),
        a_call("not-started", created_at=30),
        replace(failed(a_call("never-started", created_at=35)), started_at=None),
    )
    assert await page(funded) == (
        ["done-late", "never-started", "not-started", "c-tie", "b-tie", "a-tie", "live-early"],
        7,
    )


async def test_pages_part_the_log_and_end_empty(funded: Store) -> None:
    await save(funded, *(failed(a_call(f"c{number}", created_at=number)) for number in range(7)))
    assert await page(funded, number=1, per_page=3) == (["c6", "c5", "c4"], 7)
    assert await page(funded, number=3, per_page=3) == (["c0"], 7)
    assert await page(funded, number=4, per_page=3) == ([], 7)
    assert await page(funded, number=2**70, per_page=100) == ([], 7)


async def test_dates_are_exclusive(funded: Store) -> None:
    await save(funded, *(failed(a_call(f"c{at}", created_at=at)) for at in (10, 20, 30)), a_call("live", created_at=20))
    assert await page(funded, CallFilter(started_after=10)) == (["c30", "live", "c20"], 3)
    assert await page(funded, CallFilter(started_before=30)) == (["live", "c20", "c10"], 3)
    assert await page(funded, CallFilter(started_after=10, started_before=30)) == (["live", "c20"], 2)
    assert await page(funded, CallFilter(started_after=20, started_before=20)) == ([], 0)


@pytest.mark.parametrize("status", CallStatus)
async def test_by_status(funded: Store, status: CallStatus) -> None:
    await save(
        funded,
        replace(completed(a_call("completed"))),
        failed(a_call("failed")),
        replace(failed(a_call("no-answer")), status=CallStatus.NO_ANSWER),
        *(
            replace(a_call(word), status=CallStatus(word))
            for word in ("initiated", "ringing", "answered", "in-progress")
        ),
    )
    assert await page(funded, CallFilter(status=status)) == ([status.value], 1)


async def test_another_organisations_calls_are_not_there(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await save(funded, a_call("live", org_id="org-2"), failed(a_call("done", org_id="org-2")))
    for wanted in (EVERYTHING, CallFilter(party=PARTY_A), CallFilter(reference="r")):
        assert await page(funded, wanted) == ([], 0)
    for call_id in ("live", "done", "missing"):
        assert await found(funded, call_id) is None
    live = await funded.read(lambda reader: reader.call("org-2", "live"))
    assert live == a_call("live", org_id="org-2")
    assert await funded.read(lambda reader: reader.events(ORG, "live")) == []


async def test_a_call_is_found_live_and_finished(funded: Store) -> None:
    await save(funded, a_call())
    assert await funded.read(lambda reader: reader.call(ORG, "call-1")) == a_call()
    await save(funded, completed(a_call()))
    assert await funded.read(lambda reader: reader.call(ORG, "call-1")) == completed(a_call())
    assert await funded.read(lambda reader: reader.any_call("call-1")) == completed(a_call())


async def test_the_operator_sees_live_calls_before_those_that_ended_last(funded: Store) -> None:
    await save(funded, failed(a_call("d1")), failed(a_call("d2")), a_call("l1", created_at=1), a_call("l2"))
    newest = await funded.read(lambda reader: reader.newest_calls(3))
    assert [record.call_id for record in newest] == ["l2", "l1", "d2"]
    assert [record.call_id for record in await funded.read(lambda reader: reader.newest_calls(1))] == ["l2"]


# Kind, time, reference, parties, organisation, whether it is a test call.
Row = tuple[str, int, str | None, tuple[str, str], str, bool]
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["live", "completed", "failed"]),
        st.integers(0, 6),
        st.sampled_from([None, "r1", "r2"]),
        st.sampled_from([("p1", "p2"), ("p2", "p1"), ("p1", "p3"), ("p3", "p2")]),
        st.sampled_from([ORG, ORG, "org-2"]),
        st.booleans(),
    ),
    max_size=14,
)
FILTERS = st.builds(
    CallFilter,
    status=st.none() | st.sampled_from(CallStatus),
    started_after=st.none() | st.integers(-1, 6),
    started_before=st.none() | st.integers(0, 7),
    reference=st.sampled_from([None, None, "r1", "r2"]),
    party=st.sampled_from([None, None, "p1", "p2", "p4"]),
    live=st.sampled_from([False, False, True]),
    test=st.sampled_from([None, None, False, True]),
)


def meets(record: CallRecord, wanted: CallFilter) -> bool:
    at = record.created_at if record.started_at is None else record.started_at
    return (
        record.org_id == ORG
        and wanted.status in (None, record.status)
        and (wanted.started_after is None or at > wanted.started_after)
        and (wanted.started_before is None or at < wanted.started_before)
        and wanted.reference in (None, record.reference)
        and wanted.party in (None, record.party_a, record.party_b)
        and not (wanted.live and record.ended_at is not None)
        and wanted.test in (None, record.test)
    )


@settings(max_examples=120, deadline=None)
@given(CALLS, FILTERS, st.integers(1, 4), st.integers(1, 5))
def test_a_page_is_what_sorting_and_slicing_gives(
    rows: list[Row], wanted: CallFilter, number: int, per_page: int
) -> None:
    records = []
    with bare_database() as connection:
        queries = Queries(connection, load_statements())
        unit = UnitOfWork(queries)
        unit.accounts.create_organisation(an_organisation())
        unit.accounts.create_organisation(an_organisation("org-2"))
        for position, (kind, at, reference, parties, org_id, of_test) in enumerate(rows):
            record = replace(
                a_call(f"c{position % 7}{position}", org_id=org_id, created_at=at),
                reference=reference,
                party_a=parties[0],
                party_b=parties[1],
            )
            record = replace(record, masked_number=TEST_NUMBER) if of_test else record
            if kind == "live":
                unit.calls.save(record)
            else:
                record = completed(record) if kind == "completed" else failed(record)
                unit.cdrs.add(record)
            records.append(record)
        fitting = [record for record in records if meets(record, wanted)]
        fitting.sort(
            key=lambda record: (
                record.created_at if record.started_at is None else record.started_at,
                record.call_id,
            ),
            reverse=True,
        )
        found = CallLogs(queries).page(ORG, wanted, number, per_page)
        assert found == (fitting[(number - 1) * per_page : number * per_page], len(fitting))
        walked: list[CallRecord] = []
        while piece := CallLogs(queries).before(ORG, wanted, walked[-1] if walked else None, per_page):
            walked += piece
        assert walked == fitting


def calls_of_every_sort(unit: UnitOfWork) -> list[CallRecord]:
    """For either organisation: live and finished ones of three moments, with each party in either place, under a
    reference or none, as tests or not."""
    made: list[CallRecord] = []
    sorts = product((ORG, "org-2"), (1, 2, 3), (("p1", "p2"), ("p2", "p3")), (None, "r1"), (False, True))
    for position, (org_id, at, (party_a, party_b), reference, of_test) in enumerate(sorts):
        call = a_call(f"c{position}", org_id=org_id, created_at=at)
        call = replace(call, party_a=party_a, party_b=party_b, reference=reference)
        call = replace(call, masked_number=TEST_NUMBER) if of_test else call
        status = CallStatus.RINGING if at == 2 else CallStatus.INITIATED
        live, done = replace(call, call_id=f"{call.call_id}-live", status=status), completed(call)
        unit.calls.save(live)
        unit.cdrs.add(done)
        made += [live, done]
    made.sort(key=lambda one: (one.created_at, one.call_id), reverse=True)
    return made


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("reference", [None, "r1", "r2"])
@pytest.mark.parametrize("party", [None, "p1", "p2", "p4"])
def test_every_filter_passes_what_it_should_and_nothing_else(
    party: str | None, reference: str | None, live: bool
) -> None:
    with bare_database() as connection:
        queries = Queries(connection, load_statements())
        unit = UnitOfWork(queries)
        for org_id in (ORG, "org-2"):
            unit.accounts.create_organisation(an_organisation(org_id))
        made, log = calls_of_every_sort(unit), CallLogs(queries)
        others = product((None, CallStatus.INITIATED, CallStatus.COMPLETED), (None, 1), (None, 3), (None, False, True))
        for status, after, before, test in others:
            wanted = CallFilter(status, after, before, reference, party, live=live, test=test)
            fitting = [one for one in made if meets(one, wanted)]
            assert log.page(ORG, wanted, 1, 100) == (fitting, len(fitting)), wanted
            for last in fitting:
                assert log.before(ORG, wanted, last, 100) == fitting[fitting.index(last) + 1 :], wanted


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from(CallStatus), st.booleans()), max_size=12),
    st.none() | st.integers(-1, 13),
    st.none() | st.integers(-1, 13),
    st.none() | st.sampled_from(CallStatus),
    st.none() | st.booleans(),
    st.sampled_from([-1, 0, 1]),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_counting_by_whole_hours_is_counting_one_by_one(
    rows: list[tuple[int, CallStatus, bool]],
    after: int | None,
    before: int | None,
    status: CallStatus | None,
    test: bool | None,
    beside_ms: int,
    number: int,
    per_page: int,
) -> None:
    half_hour_ms = 1_800_000
    with bare_database() as connection:
        queries = Queries(connection, load_statements())
        unit = UnitOfWork(queries)
        unit.accounts.create_organisation(an_organisation())
        records = []
        for position, (at, kind, of_test) in enumerate(rows):
            record = a_call(f"c{position:02}", created_at=at * half_hour_ms)
            record = replace(record, masked_number=TEST_NUMBER) if of_test else record
            if kind is CallStatus.COMPLETED:
                record = completed(record)
            elif kind in (CallStatus.FAILED, CallStatus.NO_ANSWER):
                record = replace(failed(record), status=kind)
            else:
                record = replace(record, status=kind)
            if record.ended_at is None:
                unit.calls.save(record)
            else:
                unit.cdrs.add(record)
            records.append(record)
        wanted = CallFilter(
            status=status,
            started_after=None if after is None else after * half_hour_ms + beside_ms,
            started_before=None if before is None else before * half_hour_ms - beside_ms,
            test=test,
        )
        fitting = [one for one in records if meets(one, wanted)]
        fitting.sort(key=lambda record: (record.created_at, record.call_id), reverse=True)
        found = CallLogs(queries, far=0).page(ORG, wanted, number, per_page)
        assert found == (fitting[(number - 1) * per_page : number * per_page], len(fitting))
        period = replace(wanted, status=None, test=bool(test))
        over = [one for one in records if one.ended_at is not None and meets(one, period)]
        start = None if wanted.started_after is None else wanted.started_after + 1
        end = None if wanted.started_before is None else wanted.started_before - 1
        totals = CallLogs(queries).stats(ORG, start, end, test=bool(test))
        answered = sum(one.status is CallStatus.COMPLETED for one in over)
        assert (totals.answered_calls, totals.failed_calls) == (answered, len(over) - answered)
        assert totals.billed_s == sum(one.bill_duration_s or 0 for one in over)
        assert totals.cost_paise == sum(one.price_paise or 0 for one in over)


@pytest.mark.parametrize("before", [None, 9 * HOUR_MS, 9 * HOUR_MS + 2, 12 * HOUR_MS])
@pytest.mark.parametrize("per_page", [1, 2, 3])
def test_pages_beyond_whole_hours_miss_no_call_and_repeat_none(per_page: int, before: int | None) -> None:
    with bare_database() as connection:
        queries = Queries(connection, load_statements())
        unit = UnitOfWork(queries)
        unit.accounts.create_organisation(an_organisation())
        for half in range(20):
            unit.cdrs.add(completed(a_call(f"done-{half:02}", created_at=half * HOUR_MS // 2 + 1)))
        for half in (5, 12, 19):
            unit.calls.save(a_call(f"live-{half:02}", created_at=half * HOUR_MS // 2 + 1))
        log, wanted = CallLogs(queries, far=0), CallFilter(started_before=before)
        whole = [record.call_id for record in log.before(ORG, wanted, None, 50)]
        pages = [log.page(ORG, wanted, number, per_page)[0] for number in range(1, len(whole) // per_page + 2)]
    assert [record.call_id for page in pages for record in page] == whole


async def test_totals_of_a_period_both_ends_included(funded: Store) -> None:
    await funded.run(lambda unit: unit.accounts.create_organisation(an_organisation("org-2")))
    await save(
        funded,
        completed(a_call("c1", created_at=100), seconds=94, price_paise=300),
        completed(a_call("c2", created_at=200), seconds=10, price_paise=150),
        failed(a_call("c3", created_at=200)),
        replace(failed(a_call("c4", created_at=300)), status=CallStatus.NO_ANSWER),
        a_call("c5", created_at=200),
        a_call("c6", created_at=400),
        completed(a_call("x1", org_id="org-2", created_at=200)),
        a_call("x2", org_id="org-2", created_at=200),
    )
    for at, parties in ((100, (PARTY_A, PARTY_B)), (250, (PARTY_B, PARTY_A)), (400, (PARTY_A, "another"))):
        await funded.run(pairing(*parties, at))

    async def stats(start: int | None, end: int | None) -> tuple[int, ...]:
        found = await funded.read(lambda reader: reader.stats(ORG, start, end))
        return (
            found.total_calls,
            found.answered_calls,
            found.failed_calls,
            found.billed_s,
            found.cost_paise,
            found.total_sessions,
            found.active_sessions,
            found.total_mappings,
        )

    assert await stats(None, None) == (6, 2, 2, 180, 450, 2, 2, 2)
    assert await stats(200, 300) == (4, 1, 2, 60, 150, 1, 2, 2)
    assert await stats(101, 199) == (0, 0, 0, 0, 0, 1, 2, 2)
    assert await stats(100, 100) == (1, 1, 0, 120, 300, 1, 2, 2)
    assert await stats(401, None) == (0, 0, 0, 0, 0, 0, 2, 2)
    assert await stats(None, 99) == (0, 0, 0, 0, 0, 0, 2, 2)
    assert await stats(199, 101) == (0, 0, 0, 0, 0, 0, 2, 2), "a period that ends before it begins has nothing in it"
