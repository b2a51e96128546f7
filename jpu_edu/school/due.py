"""The deadline of an exercise, and who came after it. It takes no points off.

nbgrader keeps both times, in UTC; what a teacher types and reads is this machine's own time.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.utils import parse_utc

from jpu_edu.school.course import Course, Refused


def moment(text: str, option: str, *, end: bool = False) -> datetime:
    """A date, with or without a time of day.

    Args:
        option: where it stands, for the error.
        end: whether a date alone means the end of that day.

    Raises:
        Refused: no date.
    """
    try:
        found = datetime.fromisoformat(text)
        return (found + timedelta(days=end and len(text) <= len("2027-03-01"))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(f"{option} {text}; write a date such as 2027-03-01 or '2027-03-01 18:00'") from error


def set_deadline(course: Course, week: str, deadline: datetime | None) -> None:
    """Of one exercise; None takes it away."""
    with Gradebook(course.gradebook) as book:
        book.update_or_create_assignment(week, duedate=deadline)


def deadline(course: Course, week: str) -> str | None:
    """In words, where there is one."""
    with Gradebook(course.gradebook) as book:
        found = book.find_assignment(week).duedate
    return None if found is None else _said(found)


def came(place: Path) -> datetime | None:
    """When a submission came, from the file in its folder that nbgrader reads too; None if that says nothing."""
    with suppress(OSError, ValueError):
        return parse_utc((place / "timestamp.txt").read_text(encoding="utf-8").strip()).replace(tzinfo=UTC)
    return None


def late(book: Gradebook, course: Course, week: str, student: str) -> list[str]:
    """A line for the report if this submission came after the deadline."""
    one = book.find_submission(week, student)
    when = came(course.place("submitted", student, week))
    one.timestamp = parse_utc(when)
    book.db.commit()
    return [f"late: came {_said(one.timestamp)}, due {_said(one.duedate)}"] if one.total_seconds_late else []


def _said(when: datetime) -> str:
    """In this machine's time; the first moment of a day is the end of the one before."""
    here = when.replace(tzinfo=UTC).astimezone()
    midnight = (here.hour, here.minute, here.second) == (0, 0, 0)
    return f"{here - timedelta(days=1):%Y-%m-%d}" if midnight else f"{here:%Y-%m-%d %H:%M}"
