"""nbgrader's execution, made to end: whatever a cell does, the other cells keep their points.

A cell that never ends is interrupted; nbgrader does this. A kernel that dies, or does not listen, ends nbgrader's
work on the notebook, and with it all of its points. Here the cell is given up, and the others run again without it.
"""

import tempfile
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import Execute, NbGraderPreprocessor


def failure(name: str, words: str) -> NotebookNode:
    """An error among the outputs of a cell; nbgrader gives no points for such a cell."""
    return new_output("error", ename=name, evalue=words, traceback=[f"{name}: {words}"])


class Bounded(Execute):
    """nbgrader's Execute in a folder of its own, and in a fresh kernel whenever one was lost."""

    def preprocess(self, nb: NotebookNode, resources: Any, **more: Any) -> tuple[NotebookNode, Any]:
        self.lost: dict[int, NotebookNode] = {}
        before = resources.get("metadata", {})
        with tempfile.TemporaryDirectory(prefix="class-", ignore_cleanup_errors=True) as place:
            resources["metadata"] = {**before, "path": place}
            while True:
                self.at = -1
                try:
                    nb, resources = super().preprocess(nb, resources, **more)
                    break
                except (DeadKernelError, CellTimeoutError) as error:
                    if self.at in self.lost or self.at < 0:  # not a cell's doing
                        raise
                    died = isinstance(error, DeadKernelError)
                    words = (
                        "Python itself ended in this cell" if died else "this cell did not end and could not be stopped"
                    )
                    self.lost[self.at] = failure(type(error).__name__, words)
        resources["metadata"] = before
        return nb, resources

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple[NotebookNode, Any]:
        self.at = index
        if index in self.lost:
            cell.outputs = [self.lost[index]]
            return cell, resources
        return super().preprocess_cell(cell, resources, index)


class Returned(NbGraderPreprocessor):
    """A check earns the points that it returned, a number between 0 and its maximum.

    Notice: nbgrader alone gives all points to a check that returns nothing, and none to a right answer that prints
    a warning.
    """

    def preprocess_cell(self, cell: NotebookNode, resources: Any, cell_index: int) -> tuple[NotebookNode, Any]:
        if cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell):
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.name = "stdout"
            errors = [output for output in cell.outputs if output.output_type == "error"]
            results = [output.data.get("text/plain", "") for output in cell.outputs if "execution_count" in output]
            if not errors and not (len(results) == 1 and _within(results[0], cell.metadata.nbgrader["points"])):
                errors = [failure("NoPoints", "the check did not return its points")]
            if errors:  # nbgrader takes the first that it meets, error or result
                cell.outputs = errors + [output for output in cell.outputs if output not in errors]
        return cell, resources


def _within(text: str, most: float) -> bool:
    try:
        return 0 <= float(text) <= most
    except ValueError:
        return False
