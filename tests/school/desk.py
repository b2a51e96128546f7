"""A course whose sheet 01 is graded, without a kernel: what `class grade` leaves behind, written by hand."""

from pathlib import Path

import nbformat
from nbgrader.api import Gradebook

from jpu_edu.school import grade
from jpu_edu.school.course import Course, new

WEEK = "01_convolution"


def graded(folder: Path, words: dict[str, str]) -> Course:
    """A new course in which these students have all points but those for their words."""
    course = new(folder, seed=5, weeks=1)
    grade.release(course, [WEEK])
    for student, text in words.items():
        answer(course, student, text)
        course.record["collected"].setdefault(WEEK, {})[student] = {
            "file": f"{student}_01.ipynb", "notes": [], "unread": "", "graded": True
        }  # fmt: skip
        (place := course.place("submitted", student, WEEK)).mkdir(parents=True)
        (place / "timestamp.txt").write_text("2027-03-01 12:00:00.0 UTC")
        with Gradebook(course.gradebook) as book:
            book.update_or_create_student(student)
            book.add_submission(WEEK, student)
            for one in book.find_submission_notebook(WEEK, WEEK, student).grades:
                code = one.cell_type == "code"
                one.auto_score, one.needs_manual_grade = one.max_score if code else None, not code
            book.db.commit()
    course.save()
    return course


def answer(course: Course, student: str, text: str) -> None:
    """What `student` says in words from now on."""
    notebook = course.released(WEEK)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "task-5":
            cell.source = text
    path = course.place("autograded", student, WEEK, f"{WEEK}.ipynb")
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
