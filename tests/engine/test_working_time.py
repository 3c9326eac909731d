"""Working days and hours, against days checked by hand in the State Council's notices for 2025 and 2026."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Settings
from engine.clock import SHANGHAI, local
from engine.errors import SettingsError
from engine.working_time import KNOWN, Calendar, Deadline, Span, hours_of

CALENDAR = Calendar()


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def days(text: str) -> list[date]:
    return [date.fromisoformat(one) for one in text.split()]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2025-01-01", "2025-01-01"),
        ("2025-01-28", "2025-02-04"),
        ("2025-05-01", "2025-05-05"),
        ("2025-10-01", "2025-10-08"),  # National Day and Mid-Autumn together
        ("2026-01-01", "2026-01-03"),
        ("2026-02-15", "2026-02-23"),
        ("2026-06-19", "2026-06-21"),
        ("2026-10-01", "2026-10-07"),
    ],
)
def test_holidays(first: str, last: str) -> None:
    start, end = days(f"{first} {last}")
    assert not any(CALENDAR.is_working(start + timedelta(i)) for i in range((end - start).days + 1))


@pytest.mark.parametrize(
    "day",
    days(
        "2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 "
        "2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20 2026-10-10"
    ),
)
def test_weekends_that_are_worked(day: date) -> None:
    assert day.weekday() >= 5 and CALENDAR.is_working(day)


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        ("2026-03-02 10:00", "1 工作日", "2026-03-03 18:00"),
        ("2026-03-02 23:59", "1 工作日", "2026-03-03 18:00"),
        ("2026-03-07 10:00", "1 工作日", "2026-03-09 18:00"),  # a Saturday
        ("2025-09-30 15:00", "1 工作日", "2025-10-09 18:00"),
        ("2025-09-30 15:00", "3 工作日", "2025-10-11 18:00"),  # a Saturday that is worked
        ("2026-09-30 10:00", "5个工作日", "2026-10-13 18:00"),
        ("2026-03-02 10:00", "8 工作小时", "2026-03-03 11:00"),
        ("2026-03-02 11:30", "1 工作小时", "2026-03-02 14:30"),
        ("2026-03-02 12:30", "3 工作小时", "2026-03-02 17:00"),
        ("2026-03-06 19:00", "1 工作小时", "2026-03-09 10:00"),
        ("2026-03-02 14:00", "4 工作小时", "2026-03-02 18:00"),
        ("2026-03-06 10:00", "3 天", "2026-03-09 10:00"),
        ("2026-03-06 10:00", "36 小时", "2026-03-07 22:00"),
    ],
)
def test_after(start: str, span: str, end: str) -> None:
    found = Span.parse(span)
    assert found is not None and CALENDAR.after(wall(start), found) == Deadline(wall(end))


@pytest.mark.parametrize(
    ("end", "span", "start"),
    [
        ("2026-03-06 18:00", "1 工作日", "2026-03-05 09:00"),
        ("2026-03-07 00:00", "1 工作日", "2026-03-05 09:00"),  # a deadline that is all of Friday
        ("2026-10-08 18:00", "2 工作日", "2026-09-29 09:00"),
        ("2026-03-09 10:00", "2 工作小时", "2026-03-06 17:00"),
        ("2026-03-09 10:00", "1 工作小时", "2026-03-09 09:00"),
        ("2026-03-09 10:00", "1 天", "2026-03-08 10:00"),
    ],
)
def test_before(end: str, span: str, start: str) -> None:
    found = Span.parse(span)
    assert found is not None and CALENDAR.before(wall(end), found) == Deadline(wall(start))


@pytest.mark.parametrize(
    "text", ["", "五工作日", "5", "工作日", "-1 工作日", "1.5 工作日", "P5D", "12345 天"]
)
def test_no_span(text: str) -> None:
    assert Span.parse(text) is None


def test_a_span_reads_as_people_say_it() -> None:
    assert [str(Span.parse(one)) for one in ("5工作日", "8 个工作小时", "3日", "2 小时")] == [
        "5 个工作日",
        "8 工作小时",
        "3 天",
        "2 小时",
    ]


def test_a_year_without_a_notice_is_named_and_counts_monday_to_friday() -> None:
    year = max(KNOWN) + 1
    eve = datetime(year - 1, 12, 31, 10, tzinfo=SHANGHAI)
    found = CALENDAR.add(eve, days=5)
    weekdays = [day for i in range(10) if (day := date(year, 1, 1) + timedelta(i)).weekday() < 5]
    assert found == Deadline(datetime.combine(weekdays[4], time(18), SHANGHAI), (year,))
    assert CALENDAR.add(found.moment, hours=-1).unknown_years == (year,)
    assert CALENDAR.add(eve, hours=1).unknown_years == ()


def test_own_days_stand_above_the_notices_and_are_asked_for_once() -> None:
    asked: list[int] = []

    def own() -> dict[date, bool]:
        asked.append(1)
        return {date(2026, 3, 3): False, date(2026, 3, 7): True}  # a flood; a Saturday that makes up for it

    calendar = Calendar(own_days=own)
    assert not asked
    assert calendar.add(wall("2026-03-02 10:00"), days=1).moment == wall("2026-03-04 18:00")
    assert calendar.add(wall("2026-03-06 10:00"), days=1).moment == wall("2026-03-07 18:00")
    assert asked == [1]


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("2026-03-04 09:00", "2026-03-06 18:00", "3 个工作日"),
        ("2026-03-04 10:00", "2026-03-06 18:00", "2 个工作日"),
        ("2026-03-06 16:00", "2026-03-07 00:00", "2 小时"),
        ("2026-03-06 17:55", "2026-03-06 18:00", "5 分钟"),
        ("2026-03-06 18:00", "2026-03-09 11:30", "2 小时"),
        ("2026-03-07 10:00", "2026-03-08 10:00", ""),
    ],
)
def test_in_words(a: str, b: str, words: str) -> None:
    assert CALENDAR.in_words(wall(a), wall(b)) == words


@pytest.mark.parametrize(
    "text", ["9-12", "09:00-12:00,11:00-18:00", "18:00-09:00", "09:00", "09:00-12:00-13:00"]
)
def test_bad_office_hours_are_named(text: str, tmp_path: object) -> None:
    with pytest.raises(SettingsError, match="LVZE_OFFICE_HOURS"):
        Settings.from_environment({"LVZE_HOME": str(tmp_path), "LVZE_OFFICE_HOURS": text})


def test_office_hours_are_a_setting(tmp_path: object) -> None:
    settings = Settings.from_environment(
        {"LVZE_HOME": str(tmp_path), "LVZE_OFFICE_HOURS": "08:30-12:00, 14:30-17:30"}
    )
    calendar = Calendar(settings.office_hours)
    assert calendar.day_length == timedelta(hours=6, minutes=30)
    assert calendar.add(wall("2026-03-02 11:30"), hours=1).moment == wall("2026-03-02 15:00")


moments = st.datetimes(
    datetime.fromisoformat("2023-01-01"), datetime.fromisoformat("2030-01-01"), timezones=st.just(SHANGHAI)
)
counts = st.integers(1, 60)
calendars = st.builds(
    lambda hours, own: Calendar(hours_of(hours), lambda: own),
    st.sampled_from(["09:00-12:00,14:00-18:00", "08:30-17:30", "07:00-08:00,09:00-10:30,22:00-23:59"]),
    st.dictionaries(st.dates(date(2023, 1, 1), date(2030, 1, 1)), st.booleans(), max_size=30),
)


@given(calendars, moments, moments, counts, st.booleans(), st.booleans())
def test_adding_is_monotone(
    calendar: Calendar, a: datetime, b: datetime, count: int, days: bool, back: bool
) -> None:
    amount = {"days" if days else "hours": -count if back else count}
    early, late = sorted((a, b))
    assert calendar.add(early, **amount).moment <= calendar.add(late, **amount).moment
    more = {unit: value + (-1 if back else 1) for unit, value in amount.items()}
    nearer, farther = calendar.add(a, **amount).moment, calendar.add(a, **more).moment
    assert (farther < nearer < a) if back else (a < nearer < farther)


@given(calendars, moments, counts, st.booleans(), st.booleans())
def test_a_deadline_is_in_office_hours(
    calendar: Calendar, moment: datetime, count: int, days: bool, back: bool
) -> None:
    end = local(calendar.add(moment, **{"days" if days else "hours": -count if back else count}).moment)
    assert calendar.is_working(end.date())
    assert any(start <= end.time() <= stop for start, stop in calendar.hours)


@given(calendars, moments, counts)
def test_what_is_added_lies_between(calendar: Calendar, moment: datetime, count: int) -> None:
    hours = timedelta(hours=count)
    assert calendar.between(moment, calendar.add(moment, hours=count).moment) == hours
    assert calendar.between(moment, calendar.add(moment, hours=-count).moment) == -hours
    end = calendar.add(moment, days=count).moment
    passed = (
        local(moment).date() + timedelta(i + 1)
        for i in range((local(end).date() - local(moment).date()).days)
    )
    assert sum(map(calendar.is_working, passed)) == count


@given(calendars, moments, moments, moments)
def test_office_time_adds_up(calendar: Calendar, a: datetime, b: datetime, c: datetime) -> None:
    assert calendar.between(a, b) + calendar.between(b, c) == calendar.between(a, c)
