"""The sharing detector: counts within windows, across the change of keys, in bounded memory, with nothing kept.

The model remembers every request with its time. Hashes are short: a collision may make a count smaller by one, never
greater. Countries have eight bits and belong to a pair of sender key and network: only their upper bound is asserted.
Time is a number that the tests move.

Spec: specs/profile-sharing.md.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
import threading
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citizenid import CitizenIDError, MalformedError, Reason
from citizenid.gateway._suspicion import Observation, SharingLimits, Signals, Suspicion, Threshold, judge
from citizenid.gateway._table import RecordTable
from citizenid.gateway.sharing import MOMENT_S, SharingDetector

HOUR, DAY = 3_600, 86_400
NONE, MARK, STEP_UP, REFUSE = Suspicion.NONE, Suspicion.MARK, Suspicion.STEP_UP, Suspicion.REFUSE
QUIET: Final = Observation(1, 1, 1, 1, 1, 1, 0, 0, 1, True)
LIMITS: Final = SharingLimits()
SLACK_S: Final = 4 * MOMENT_S  # times are whole moments, and what goes on in one place is counted each third


def at(network: str | None, country: str | None = "US", api_key: bytes | None = None) -> Signals:
    return Signals(network, country, api_key)


def see(
    detector: SharingDetector, now: float, sender: bytes, signals: Signals, credential: bytes = b"credential"
) -> Observation:
    return detector.observe(credential=credential, sender=sender, signals=signals, now=now)


# --- counts ---

EVENTS = st.lists(
    st.tuples(
        st.sampled_from([1, 60, 299, 300, 301, 900, 1_800, HOUR, 5 * HOUR, 12 * HOUR, DAY]) | st.integers(0, DAY),
        st.sampled_from([b"a", b"b", b"c"]),
        st.sampled_from(["home", "work", "mobile", None]),
        st.sampled_from(["US", "DE", None]),
    ),
    max_size=40,
)


@given(EVENTS, st.integers(0, 3 * DAY))
def test_it_counts_what_came_within_the_last_hour_and_day(events: list[Any], start: int) -> None:
    detector, now, past = SharingDetector(max_credentials=50), float(start), []
    for wait, sender, network, country in events:
        now += wait
        past.append((now, sender, network, country))
        seen = see(detector, now, sender, at(network, country))
        for window, counted in ((HOUR, seen[0:6:2]), (DAY, seen[1:6:2])):
            for part, count in zip((1, 2, 3), counted, strict=True):
                surely = {each[part] for each in past if now - each[0] < window} - {None}
                perhaps = {each[part] for each in past if now - each[0] <= window + SLACK_S} - {None}
                assert count <= len(perhaps)
                assert part == 3 or count >= len(surely) - 1
        assert seen.tracked


def test_what_came_yesterday_is_counted_once_under_todays_key() -> None:
    detector = SharingDetector()
    for hour in range(20, 30):  # midnight of the keys lies between
        for number in range(4):
            seen = see(detector, hour * HOUR + number, b"key %d" % number, at(f"AS{number}"))
    assert 3 <= seen.senders_day <= 4
    assert 3 <= seen.networks_day <= 4


def test_countries_of_several_networks_are_counted() -> None:
    detector = SharingDetector()
    for number, country in enumerate(("US", "DE", "FR", "US")):
        seen = see(detector, number * 1_000, b"key", at(f"AS{number}", country))
    assert 2 <= seen.countries_day <= 3
    assert 2 <= seen.countries_hour <= 3


def test_one_who_returns_after_days_begins_anew() -> None:
    detector = SharingDetector()
    for number in range(8):
        see(detector, number, b"key %d" % number, at(f"AS{number}"))
    seen = see(detector, 3 * DAY, b"key 0", at("AS0"))
    assert seen[:7] == (1, 1, 1, 1, 1, 1, 0)


def test_a_slow_return_to_a_network_is_no_alternation() -> None:
    detector = SharingDetector()
    for day in range(5):
        for hour, place in ((7, "home"), (8, "mobile"), (9, "work"), (12, "mobile"), (13, "work"), (18, "home")):
            seen = see(detector, day * DAY + hour * HOUR, b"key", at(place))
            assert seen.alternating == 0
            assert judge(seen, LIMITS, people=1) is NONE


def test_a_key_at_many_places_in_turn_alternates() -> None:
    detector = SharingDetector()
    for turn in range(60):
        seen = see(detector, 1_000 + turn * 20, b"key", at(f"AS{turn % 6}"))
    assert seen.alternating >= 13
    assert judge(seen, LIMITS, people=1) is STEP_UP


def test_two_uplinks_that_take_turns_are_not_stopped() -> None:
    detector = SharingDetector()
    for turn in range(2_000):
        seen = see(detector, turn * 40, b"key", at(f"AS{turn % 2}"))
        assert judge(seen, LIMITS, people=1) in (NONE, MARK)


def test_each_sender_key_alternates_by_itself() -> None:
    detector = SharingDetector()
    for turn in range(200):  # two devices, each where it is
        seen = see(detector, turn * 20, b"key %d" % (turn % 2), at(f"AS{turn % 2}"))
    assert seen.alternating == 0


def test_many_devices_at_one_place_are_a_household_of_devices() -> None:
    detector = SharingDetector()
    for number in range(10):
        seen = see(detector, number, b"key %d" % number, at("home"))
    assert judge(seen, LIMITS, people=1) is MARK


def test_many_devices_in_many_places_are_not() -> None:
    detector = SharingDetector()
    for number in range(7):
        seen = see(detector, number * HOUR, b"key %d" % number, at(f"AS{number}"))
    assert judge(seen, LIMITS, people=1) is STEP_UP


def test_a_flood_of_networks_is_bounded_and_only_counts_up_to_its_slots() -> None:
    detector = SharingDetector()
    for number in range(1_000):
        seen = see(detector, number / 10, b"key", at(f"AS{number}"))
    assert 8 <= seen.networks_day <= 10


def test_credentials_do_not_count_for_each_other() -> None:
    detector = SharingDetector()
    for number in range(20):
        seen = see(detector, number, b"key %d" % number, at(f"AS{number}"), b"credential %d" % number)
        assert seen[:4] == (1, 1, 1, 1)


# --- API keys ---


KEYS: Final = 60  # one key alone is off by a tenth in every sixth process; their mean is off by a fiftieth


@pytest.mark.parametrize("people", [1, 5, 20, 100, 200])
def test_the_credentials_of_an_api_key_are_estimated(people: int) -> None:
    detector, total = SharingDetector(), 0
    for key in range(KEYS):
        api_key = b"key %d" % key
        for number in range(people):
            credential = api_key + b" of employee %d" % number
            seen = see(detector, number, b"key", at("corp", "US", api_key), credential)
        total += seen.credentials_of_api_key
        assert people == 200 or judge(seen, LIMITS, people=people) is NONE
        assert judge(seen, LIMITS, people=None) in (NONE, MARK)
    assert abs(total / KEYS - people) <= people / 10


def test_days_of_an_api_key_are_not_added_up() -> None:
    detector, total = SharingDetector(), 0
    for day in range(4):
        total = 0
        for key in range(KEYS):
            for number in range(40):
                credential = b"employee %d of %d" % (number, key)
                seen = see(detector, day * DAY + number, b"key", at("corp", "US", b"key %d" % key), credential)
            total += seen.credentials_of_api_key
    assert 36 <= total / KEYS <= 46  # the greater one of two days


def test_of_an_api_key_the_day_before_counts_and_none_before_that() -> None:
    for pause, most in ((1, 46), (2, 1)):  # whoever was there yesterday may be there still
        detector, total = SharingDetector(), 0
        for key in range(KEYS):
            api_key = at("corp", "US", b"key %d" % key)
            for number in range(40):
                see(detector, DAY - 600 + number, b"key", api_key, b"employee %d of %d" % (number, key))
        for key in range(KEYS):
            # Kept for two days, so that a record of before the pause is found.
            total += see(
                detector, pause * DAY + 300, b"key", at("corp", "US", b"key %d" % key), b"another"
            ).credentials_of_api_key
        assert most - 10 * (pause == 1) <= total / KEYS <= most


def chance_of_a_stop(people: int) -> float:
    """How probable it is that the bits that so many honest people set ask for a step-up."""
    chances = [1.0] + [0.0] * 128  # of so many bits set
    for _ in range(people):
        stay = [chance * bits / 128 for bits, chance in enumerate(chances)]
        move = [chance * (128 - bits) / 128 for bits, chance in enumerate(chances)]
        chances = [stay[0], *(a + b for a, b in zip(stay[1:], move[:-1], strict=True))]
    estimates = [-128 * math.log(1 - bits / 128) for bits in range(128)] + [640]
    counts = [QUIET._replace(credentials_of_api_key=round(estimate)) for estimate in estimates]
    stops = [judge(seen, LIMITS, people=people) in (STEP_UP, REFUSE) for seen in counts]
    return sum(chance for chance, stop in zip(chances, stops, strict=True) if stop)


@pytest.mark.parametrize("people", [1, 5, 20, 60, 100, 150, 200, 201, 300, 400, 426, 1_000])
def test_honest_people_of_an_api_key_are_stopped_on_less_than_a_day_in_100_000(people: int) -> None:
    assert chance_of_a_stop(people) < 1e-5


def test_an_api_key_for_more_people_than_can_be_told_apart_stops_nobody() -> None:
    limits = SharingLimits(over_people=Threshold(3, 5, 7))
    for people, most in ((200, REFUSE), (201, MARK), (400, MARK)):
        seen = QUIET._replace(credentials_of_api_key=people + people // 2 + 7)
        assert judge(seen, limits, people=people) is most


def test_an_api_key_with_more_credentials_than_people_asks_for_a_step_up_where_people_are_known() -> None:
    detector = SharingDetector()
    for number in range(30):
        seen = see(detector, number, b"key", at(f"AS{number}", "US", b"the key"), b"stranger %d" % number)
    assert judge(seen, LIMITS, people=1) is STEP_UP
    assert judge(seen, LIMITS, people=None) is MARK
    assert judge(seen, LIMITS, people=25) is NONE


# --- what follows ---

COUNTS = st.tuples(*[st.integers(0, 20)] * 7, st.integers(0, 5), st.integers(0, 40), st.just(True))


@given(COUNTS, st.integers(0, 8), st.none() | st.integers(1, 30))
def test_a_greater_count_never_asks_for_less(counts: Any, position: int, people: int | None) -> None:
    more = list(counts)
    more[position] += 1
    assert judge(Observation(*more), LIMITS, people=people) >= judge(Observation(*counts), LIMITS, people=people)


@pytest.mark.parametrize(
    "name",
    ["senders_hour", "senders_day", "networks_hour", "networks_day", "countries_hour", "countries_day", "alternating"],
)
def test_each_threshold_begins_where_it_says(name: str) -> None:
    quiet = {each: Threshold() for each in ("senders_day", "networks_hour", "networks_day", "countries_hour")}
    quiet |= {each: Threshold() for each in ("countries_day", "alternating", "apart", "over_people")}
    thresholds: dict[str, Any] = quiet | {name: Threshold(3, 5, 7)}
    limits = SharingLimits(**thresholds)
    found = [judge(QUIET._replace(**{name: count}), limits, people=1) for count in range(9)]
    assert found == [NONE, NONE, NONE, MARK, MARK, STEP_UP, STEP_UP, REFUSE, REFUSE]


def test_devices_and_places_count_together_alone() -> None:
    for senders, networks, expected in ((5, 6, STEP_UP), (5, 5, MARK), (4, 9, MARK), (9, 5, MARK), (3, 4, MARK)):
        assert judge(QUIET._replace(senders_day=senders, networks_day=networks), LIMITS, people=1) is expected
    assert judge(QUIET._replace(senders_day=3, networks_day=3), LIMITS, people=1) is NONE


def test_an_api_key_is_judged_from_its_people_on() -> None:
    limits = SharingLimits(over_people=Threshold(3, 5, 7))
    for people, free in ((1, 1), (2, 3), (10, 15)):
        found = [judge(QUIET._replace(credentials_of_api_key=free + n), limits, people=people) for n in range(8)]
        assert found == [NONE, NONE, NONE, MARK, MARK, STEP_UP, STEP_UP, REFUSE]


def test_what_is_not_tracked_is_marked_and_never_stopped() -> None:
    assert judge(QUIET._replace(tracked=False, alternating=30), LIMITS, people=1) is MARK


def test_judging_many_different_counts_takes_bounded_memory() -> None:
    limits = SharingLimits()
    for number in range(25_000):
        judge(QUIET._replace(credentials_of_api_key=number), limits, people=1)
    assert len(limits._known) <= 10_000
    assert limits == SharingLimits()


@pytest.mark.parametrize(
    "options",
    [
        {"passes": 0},
        {"passes": True},
        {"passes": None},
        {"apart": None},
        {"apart": (1, 2, 3)},
        {"apart": Threshold(0)},
        {"alternating": Threshold(step_up=-1)},
        {"alternating": Threshold(refuse=1.5)},  # type: ignore[arg-type]
        {"senders_day": Threshold(mark=True)},
    ],
)
def test_limits_that_make_no_sense_are_refused(options: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        SharingLimits(**options)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("limits", [{}, 5, SharingLimits, (Threshold(),)])
def test_limits_are_limits(limits: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        SharingDetector(limits=limits)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "sharing.limits")


# --- step-ups ---


def crowd(detector: SharingDetector, now: float, count: int = 7) -> Observation:
    """So many devices at so many places."""
    for number in range(count):
        seen = see(detector, now + number, b"key %d" % number, at(f"AS{number}"))
    return seen


def passes(detector: SharingDetector, now: float, number: int = 0) -> bool:
    return detector.passed(
        credential=b"credential", sender=b"key %d" % number, signals=at(f"AS{number}"), limits=LIMITS, now=now
    )


def test_a_step_up_that_was_passed_forgives_what_was_counted() -> None:
    detector = SharingDetector()
    assert judge(crowd(detector, 1_000), LIMITS, people=1) is STEP_UP
    assert passes(detector, 1_010)
    seen = see(detector, 1_020, b"key 0", at("AS0"))
    assert seen[:8] == (1, 1, 1, 1, 1, 1, 0, 1)
    assert judge(seen, LIMITS, people=1) is NONE
    assert judge(see(detector, 1_030, b"key 1", at("AS1")), LIMITS, people=1) is NONE


def test_nobody_clears_counts_that_ask_for_nothing() -> None:
    detector = SharingDetector()
    seen = crowd(detector, 1_000, 5)
    assert judge(seen, LIMITS, people=1) is MARK
    assert not passes(detector, 1_010)
    assert see(detector, 1_011, b"key 0", at("AS0")).senders_day >= 4
    assert see(detector, 1_011, b"key 0", at("AS0")).passes == 0


def test_a_presentation_from_one_place_more_does_not_forgive_itself() -> None:
    detector = SharingDetector()
    crowd(detector, 1_000, 5)
    assert not passes(detector, 1_010, 5)
    assert judge(see(detector, 1_020, b"key 5", at("AS5")), LIMITS, people=1) is STEP_UP
    assert passes(detector, 1_030, 5)


def test_a_step_up_can_be_passed_the_day_after() -> None:
    for days in (1, 2):
        detector = SharingDetector()
        assert judge(crowd(detector, DAY - 100), LIMITS, people=1) is STEP_UP
        assert passes(detector, DAY - 100 + days * DAY) is (days == 1)  # by then the key of that day is forgotten
        assert see(detector, DAY + days * DAY, b"key 0", at("AS0")).passes == (1 if days == 1 else 0)


def test_who_was_never_seen_has_nothing_to_pass() -> None:
    assert not passes(SharingDetector(), 1_000)


def test_who_passes_again_and_again_is_refused() -> None:
    detector = SharingDetector()
    found = []
    for hour in range(1, 5):
        found.append(judge(crowd(detector, hour * HOUR), LIMITS, people=1))
        passes(detector, hour * HOUR + 100)
    assert found == [STEP_UP, STEP_UP, STEP_UP, REFUSE]
    assert judge(crowd(detector, 5 * HOUR), LIMITS, people=1) is REFUSE  # and passing once more changes nothing


def test_passes_are_forgotten_a_week_after_the_first() -> None:
    detector = SharingDetector()
    for day in range(3):
        crowd(detector, day * DAY + HOUR)
        assert passes(detector, day * DAY + 2 * HOUR)
    for day in range(3, 7):
        assert see(detector, day * DAY + HOUR, b"key 0", at("AS0")).passes == 3
    assert see(detector, 7 * DAY + 3 * HOUR, b"key 0", at("AS0")).passes == 0
    assert judge(crowd(detector, 7 * DAY + 4 * HOUR), LIMITS, people=1) is STEP_UP


def test_the_week_ends_for_who_presents_after_it_too() -> None:
    for late, passed in ((-600, False), (600, True)):
        detector = SharingDetector()
        for number in range(3):
            crowd(detector, HOUR + number * 600)
            assert passes(detector, HOUR + number * 600 + 300)
        for day in range(1, 7):  # who is not seen for two days is forgotten altogether
            see(detector, HOUR + day * DAY, b"key 0", at("AS0"))
        assert judge(crowd(detector, HOUR + 7 * DAY - 1_200), LIMITS, people=1) is REFUSE
        assert passes(detector, HOUR + 7 * DAY + 300 + late) is passed


def test_an_api_key_over_its_people_is_cured_by_no_step_up() -> None:
    detector = SharingDetector()
    for number in range(30):
        see(detector, number, b"key", at("AS1", "US", b"the key"), b"stranger %d" % number)
    assert not detector.passed(
        credential=b"stranger 3", sender=b"key", signals=at("AS1", "US", b"the key"), limits=LIMITS, now=40.0
    )


# --- memory ---


def test_a_flood_of_new_credentials_drives_out_no_busy_one() -> None:
    detector = SharingDetector(max_credentials=500)
    busy = [b"busy %d" % number for number in range(300)]
    for moment in range(3):
        for credential in busy:
            for number in range(3):
                see(detector, moment * MOMENT_S + number, b"key %d" % number, at("home"), credential)
    size = len(detector._credentials.records)
    for number in range(20_000):
        see(detector, 3 * MOMENT_S + number / 100, b"key", at("AS1"), b"flood %d" % number)
    assert len(detector._credentials.records) == size
    assert len(detector) <= 640  # every place is taken, and no more than there are
    for credential in busy:
        assert see(detector, 5 * MOMENT_S, b"key 0", at("home"), credential).senders_day >= 2


def test_when_all_are_busy_a_new_one_is_not_tracked_and_no_one_suffers() -> None:
    detector = SharingDetector(max_credentials=10, max_api_keys=10)
    for number in range(40):
        for moment in (2 * number, 2 * number + 1):
            signals = at("home", "US", b"key of %d" % number)
            see(detector, moment * MOMENT_S, b"key", signals, b"credential %d" % number)
    tracked = [see(detector, 80 * MOMENT_S, b"key", at("home"), b"credential %d" % number) for number in range(40)]
    assert [seen.tracked for seen in tracked] == [True] * 16 + [False] * 24
    assert detector._credentials.refused > 0
    later = 4 * DAY  # and when they have gone, there is room again
    assert see(detector, later, b"key", at("home"), b"credential of another day").tracked


def test_it_holds_as_many_credentials_as_it_says() -> None:
    detector = SharingDetector(max_credentials=5_000, max_api_keys=5_000)
    for number in range(5_000):
        see(detector, 1.0, b"key", at("home", "US", b"key of %d" % number), b"credential %d" % number)
    assert len(detector) == 5_000
    assert detector._credentials.refused == detector._api_keys.refused == 0


@pytest.mark.parametrize("name", ["max_credentials", "max_api_keys"])
@pytest.mark.parametrize("number", [0, -1, 1.5, True, None, "9", 2**29])
def test_bounds_are_positive_integers(name: str, number: Any) -> None:
    bounds: dict[str, Any] = {name: number}
    with pytest.raises(CitizenIDError) as caught:
        SharingDetector(**bounds)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("random", [None, 5, bytes(16)])
def test_a_detector_has_a_source_of_random_bytes(random: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        SharingDetector(random=random)
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.booleans()), max_size=200))
def test_the_table_finds_what_it_holds(keys: list[tuple[int, bool]]) -> None:
    table, model = RecordTable(400, 16, idle=10), dict[int, int]()
    for key, moves in keys:
        if key == 0:
            continue
        if key in model:
            assert table.find(key) == model[key]
        else:
            assert table.find(key) == -1
            model[key] = table.place(key, 1)
        if moves and (to := (key * 31 + 7) % 2**64) and to not in model:
            model[to] = table.move(model.pop(key), to, 1)
            assert table.find(key) == -1
    for key, place in model.items():
        assert table.find(key) == place
    assert len(table) == len(model)
    assert len(set(model.values())) == len(model)


def test_when_both_buckets_are_full_a_record_of_another_key_moves_to_its_other_one() -> None:
    table = RecordTable(40, 16, idle=10)  # three buckets
    mobile = (1 << 32) + 2  # of the buckets 0 and 1
    assert table.place(mobile, 1) == 0
    table.records[:16] = record = b"\1\0\0\0what it says"
    of_bucket_0 = [(number << 32) * 3 + 3 * number for number in range(1, 17)]
    places = [table.place(key, 1) for key in of_bucket_0]
    assert places == [*range(1, 16), 0]
    at = table.find(mobile)
    assert at // 16 == 1
    assert table.records[at * 16 : at * 16 + 16] == record
    assert table.records[:16] == bytes(16)
    assert [table.find(key) for key in of_bucket_0] == places
    assert list(table._filled) == [16, 1, 0]
    assert table.refused == 0
    assert len(table) == 17


def test_a_table_holds_what_it_promises() -> None:
    for seed in range(20):
        table, keys = RecordTable(10_000, 16, idle=10), random.Random(seed)
        for _ in range(10_000):
            table.place(keys.getrandbits(64) - 2**63, 1)
        assert len(table) == 10_000
        assert table.refused == 0


def test_a_tag_that_lies_across_two_others_is_not_found() -> None:
    table = RecordTable(10, 16, idle=10)
    one, two = 0x1122334455667788, 0x99AABBCCDDEEFF11
    table.place(one, 1)
    table.place(two, 1)
    row = bytes(table._tags).rstrip(b"\0")
    across = int.from_bytes(row[4:12], "little")
    assert table.find(across) == -1
    assert table.find(one) >= 0 and table.find(two) >= 0
    place = table.place(across, 1)  # and one that does stand there is found behind them
    assert place not in (table.find(one), table.find(two))
    assert table.find(across) == place


def test_who_finds_no_place_on_the_next_day_is_not_tracked_and_drives_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every place is taken by somebody who was seen at two moments: a new key of the day has two other buckets."""

    def hashed(value: object) -> int:  # the same in each process
        return int.from_bytes(hashlib.sha256(repr(value).encode()).digest()[:8], "big")

    monkeypatch.setattr("citizenid.gateway.sharing.hash", hashed, raising=False)
    detector = SharingDetector(max_credentials=200, random=random.Random(1).randbytes)
    table, many = detector._credentials, [b"credential %d" % number for number in range(260)]
    for moment, credentials in enumerate((many[:190], many[:190], *[many[190:260]] * 6), 1):
        for credential in credentials:
            see(detector, moment * MOMENT_S, b"key", at("home"), credential)
    full = len(table)
    assert full == 15 * 16
    results = [see(detector, DAY + 1, b"key", at("home"), credential) for credential in many[:190]]
    untracked = [result for result in results if not result.tracked]
    assert len(untracked) == table.refused > 0
    assert set(untracked) == {Observation(0, 0, 0, 0, 0, 0, 0, 0, 0, False)}
    assert all(judge(result, LIMITS, people=None) is MARK for result in untracked)
    assert all(result.networks_day == 1 for result in results if result.tracked)  # what was seen yesterday came along


# --- what is kept ---


def test_nothing_that_came_in_is_kept() -> None:
    detector = SharingDetector(max_credentials=100, max_api_keys=100)
    sender, api_key, credential = os.urandom(32), b"sk-" + os.urandom(24).hex().encode(), os.urandom(16)
    see(detector, 1.0, sender, at("AS64496-of-somebody", "US", api_key), credential)
    memory = bytes(detector._credentials.records + detector._api_keys.records + detector._credentials._tags)
    for value in (sender, api_key, credential, b"AS64496"):
        for start in range(0, len(value) - 4, 2):
            assert value[start : start + 4] not in memory
    assert repr(detector) == "<SharingDetector of 1>"
    assert "AS64496" not in repr(at("AS64496-of-somebody"))


def test_the_key_changes_each_day_and_the_one_before_the_last_is_gone() -> None:
    drawn: list[bytes] = []

    def draw(size: int) -> bytes:
        drawn.append(os.urandom(size))
        return drawn[-1]

    detector = SharingDetector(max_credentials=10, random=draw)
    held = []
    for day in range(4):
        see(detector, day * DAY + 1, b"key", at("home"))
        held.append((detector._old.salt, detector._new.salt))
    assert all(held[day][0] == held[day - 1][1] for day in range(1, 4))
    assert len({new for _, new in held}) == 4
    assert drawn[0] not in held[3]
    see(detector, 9 * DAY, b"key", at("home"))  # after a silence nothing of before is kept
    assert held[3][1] not in (detector._old.salt, detector._new.salt)


@pytest.mark.parametrize(
    "changes",
    [
        {"credential": "text"},
        {"credential": None},
        {"sender": "text"},
        {"sender": 5},
        {"signals": None},
        {"signals": ("a", "b")},
        {"signals": Signals(b"bytes", "US")},  # type: ignore[arg-type]
        {"signals": Signals("home", 49)},  # type: ignore[arg-type]
        {"signals": Signals("home", "US", "text")},  # type: ignore[arg-type]
        {"signals": Signals(["home"])},  # type: ignore[arg-type]
        {"now": float("nan")},
        {"now": float("inf")},
        {"now": 1e300},
        {"now": "now"},
    ],
)
def test_what_is_of_no_use_is_refused_and_changes_nothing(changes: dict[str, Any]) -> None:
    detector = SharingDetector(max_credentials=10)
    arguments: dict[str, Any] = {"credential": b"c", "sender": b"s", "signals": at("home"), "now": 1.0}
    detector.observe(**arguments)
    with pytest.raises(MalformedError) as caught:
        detector.observe(**arguments | changes)
    assert caught.value.reason is Reason.REQUEST_INVALID
    assert caught.value.__context__ is None
    assert detector.observe(**arguments) == (1, 1, 1, 1, 1, 1, 0, 0, 0, True)


def test_what_has_the_hash_of_the_last_request_and_another_type_is_not_taken_for_its_repetition() -> None:
    # Bytes have the hash of the text that they spell: by the hash of it all, these are the request of a moment ago.
    signals = Signals("home", "US", b"api key")
    known = {"credential": b"c", "sender": b"sender", "signals": signals, "now": 1.0}
    for changes in (
        {"signals": signals._replace(network=b"home")},  # type: ignore[arg-type]
        {"signals": signals._replace(country=b"US")},  # type: ignore[arg-type]
        {"signals": signals._replace(api_key="api key")},  # type: ignore[arg-type]
        {"sender": "sender"},
    ):
        warm, cold = SharingDetector(max_credentials=10), SharingDetector(max_credentials=10)
        warm.observe(**known)  # type: ignore[arg-type]
        for detector in (warm, cold):
            with pytest.raises(MalformedError) as caught:
                detector.observe(**known | changes)  # type: ignore[arg-type]
            assert (caught.value.reason, caught.value.where) == (Reason.REQUEST_INVALID, "signals")


@pytest.mark.parametrize(
    "changes",
    [
        {"people": 0}, {"people": -1}, {"people": True}, {"people": 1.0}, {"people": float("nan")}, {"people": "5"},
        {"people": []}, {"limits": None}, {"limits": {}}, {"observation": None}, {"observation": tuple(QUIET)},
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_not_found_innocent(changes: dict[str, Any]) -> None:
    known: dict[str, Any] = {
        "observation": QUIET._replace(credentials_of_api_key=500), "limits": SharingLimits(), "people": 1,
    }  # fmt: skip
    assert judge(known["observation"], known["limits"], people=1) is STEP_UP  # True and 1.0 are equal to this 1
    arguments = known | changes
    with pytest.raises(CitizenIDError) as caught:
        judge(arguments["observation"], arguments["limits"], people=arguments["people"])
    assert caught.value.reason is Reason.CONFIGURATION_INVALID


@pytest.mark.parametrize("limits", [None, "limits", (3,)])
def test_nothing_is_forgiven_by_what_are_no_limits(limits: Any) -> None:
    with pytest.raises(CitizenIDError) as caught:
        SharingDetector().passed(credential=b"c", sender=b"s", signals=at("home"), limits=limits, now=1.0)
    assert (caught.value.reason, caught.value.where) == (Reason.CONFIGURATION_INVALID, "sharing.limits")


def test_time_that_stands_still_or_goes_back_changes_no_window() -> None:
    detector = SharingDetector()
    see(detector, 10 * DAY, b"a", at("home"))
    assert see(detector, 9 * DAY, b"b", at("work")).senders_day == 2
    assert see(detector, -5.0, b"b", at("work")).senders_day == 2


def test_threads_count_together() -> None:
    detector = SharingDetector()
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        try:
            for turn in range(3_000):
                who = chance.randrange(50)
                see(detector, turn, b"key %d" % chance.randrange(3), at(f"AS{chance.randrange(3)}"), b"%d" % who)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(detector) == 50


def test_a_suspicion_has_no_truth_value_and_an_order() -> None:
    for suspicion in Suspicion:
        with pytest.raises(TypeError):
            bool(suspicion)
    assert sorted(Suspicion) == [NONE, MARK, STEP_UP, REFUSE]
