"""What a check earns: the number that it returned, neither more nor less."""

import pytest

pytest.importorskip("nbgrader", reason="nbgrader is missing: pip install -e .[grading]")

from nbformat.v4 import new_code_cell, new_output
from nbgrader.utils import determine_grade

from jpu_edu.school.bounded import Returned, failure

WARNING = new_output("stream", name="stderr", text="UserWarning: hm")


def result(text: str):
    return new_output("execute_result", data={"text/plain": text}, execution_count=1)


@pytest.mark.parametrize(
    ("outputs", "points"),
    [
        ([result("4.0")], 4.0),
        ([result("0.5")], 0.5),
        ([WARNING, result("4.0")], 4.0),  # nbgrader alone: 0
        ([], 0.0),  # nbgrader alone: 4
        ([result("nan")], 0.0),  # nbgrader alone: 4
        ([result("-1.0")], 0.0),  # nbgrader alone: 4
        ([result("✓ Yes."), result("4.0")], 0.0),  # nbgrader alone: 4
        ([result("400.0")], 0.0),  # nbgrader alone: an error that ends the grading
        ([failure("ValueError", "no"), result("4.0")], 0.0),
        ([result("4.0"), failure("ValueError", "no")], 0.0),  # nbgrader alone: 4
    ],
)
def test_a_check_earns_what_it_returned(outputs, points):
    role = dict(schema_version=3, grade_id="check-1", grade=True, locked=True, solution=False, task=False, points=4)
    cell = new_code_cell("check()", outputs=[output.copy() for output in outputs], metadata={"nbgrader": role})
    made, _ = Returned().preprocess_cell(cell, {}, 0)
    assert determine_grade(made) == (points, 4.0)
