"""Exercises 12: count, average, look at the edges, and two networks of which the better one loses.

Shape legend
    truth, says    (H, W) in task 1, (B, H, W) in task 3: class numbers, `void` in the truth where nobody labelled
    matrix         (K, K), rows the truth
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from jpu_edu.exercises.draws import Draws
from jpu_edu.exercises.puzzle import once
from jpu_edu.exercises.task import Mistake, Task, ruled
from jpu_edu.metrics import boundary, scores
from jpu_edu.metrics.confusion import confusion

VOID = 255

# ---- task 1: count -----------------------------------------------------------------------------------------


@ruled
def _counted(pair: Callable, says: Tensor, truth: Tensor, classes: int, void: int) -> Tensor:
    """A count of the (row, column) that pair(t, s, classes, void) names for each pixel; None is left out."""
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    for t, s in zip(truth.flatten().tolist(), says.flatten().tolist(), strict=True):
        if (place := pair(t, s, classes, void)) is not None:
            counts[place] += 1
    return counts


def _labels(draw: Draws, h: int, w: int, classes: int) -> Tensor:
    return (draw.distinct(h, w) % classes).long()


def _label_cases(draw: Draws) -> list[tuple]:
    sizes = [(2, 3, 2, None), (3, 3, 3, 255), (3, 3, 3, -1), (4, 5, 3, 255), (4, 5, 3, -1)]
    sizes += [(draw.whole(4, 20), draw.whole(4, 20), draw.whole(2, 8), v) for v in (255, -1, 255, -1, 255, 254)]
    cases = []
    for h, w, classes, void in sizes:
        says, truth = (_labels(draw, h, w, classes) for _ in range(2))
        if void is not None:
            truth = truth.masked_fill(draw.distinct(h, w) % 4 == 0, void)
        cases.append((says, truth, classes, void or VOID))
    return cases


check_count = Task(
    name="check_count", exercise="12", number=1, cases=_label_cases,
    reference=lambda says, truth, classes, void: confusion(says, truth, classes=classes, void=void),
    mistakes=(
        Mistake("rows and columns swapped", "Rows and columns are exchanged. The row is the truth: row i shows what "
                "became of the pixels that *are* class i.",
                _counted(lambda t, s, classes, void: None if t == void else (s, t))),
        Mistake("void counted", "You count void. 255 is no row of the matrix, and −1 is one by accident: Python reads "
                "it as the last. Leave these pixels out before you index.",
                _counted(lambda t, s, classes, void: (t, s))),
        Mistake("void as class 0", "Void has become class 0. Nobody said that it is the background.",
                _counted(lambda t, s, classes, void: (0 if t == void else t, s))),
        Mistake("void is always 255", "Right while void is 255. It is an argument: in the official code it is −1, and "
                "counts[−1] is the last row, without an error.",
                _counted(lambda t, s, classes, void: None if t == 255 else (t, s))),
    ),
    hints=(
        "Take 2 x 3 pixels, and count them on paper: one stroke for each, in row `truth`, column `says`.",
        "Each pixel adds 1 to one cell, or to none. For which pixels to none?",
        "if t != void: counts[t, s] += 1",
    ),
)  # fmt: skip

# ---- task 2: average ---------------------------------------------------------------------------------------


@ruled
def _mean(each: Callable, matrix: Tensor, *, absent: float | None = None) -> float:
    """The mean of each(both, there, said) over the classes; 0 / 0 is left out, or counts `absent`."""
    values = each(matrix.diagonal().double(), matrix.sum(1), matrix.sum(0))
    return (values.nanmean() if absent is None else values.nan_to_num(absent).mean()).item()


def _iou(both: Tensor, there: Tensor, said: Tensor) -> Tensor:
    return both / (there + said - both)


def _matrix_cases(draw: Draws) -> list[tuple]:
    def matrix(k: int, absent: Sequence = (), invented: Sequence = (), missed: Sequence = ()) -> tuple:
        counts = draw.distinct(k, k).long()
        counts[[*absent, *invented]] = 0
        counts[:, [*absent, *missed]] = 0
        return (counts,)

    cases = [matrix(2), matrix(3), matrix(3, absent=[1]), matrix(3, invented=[2]), matrix(3, missed=[0])]
    cases += [matrix(5, absent=[draw.whole(0, 1)], invented=[2], missed=[draw.whole(3, 4)]), matrix(4, absent=[0, 3])]
    return cases + [matrix(k, absent=[draw.whole(0, k - 1)]) for k in (6, 9, draw.whole(10, 20))]


check_mean = Task(
    name="check_mean", exercise="12", number=2, cases=_matrix_cases, reference=_mean(_iou),
    mistakes=(
        Mistake("intersection counted twice", "The union is too large. Who adds the row and the column has the right "
                "pixels twice: take the intersection off once.",
                _mean(lambda both, there, said: both / (there + said))),
        Mistake("Dice", "That is Dice, or F1. The IoU divides the intersection by the *union*.",
                _mean(lambda both, there, said: 2 * both / (there + said))),
        Mistake("recall", "That is the mean accuracy: how much of each class was found. What was called by its name "
                "wrongly, its column, is missing from the union.", _mean(lambda both, there, said: both / there)),
        Mistake("precision", "You divide by the columns: how much of what was said is right. What was missed, the row, "
                "belongs to the union too.", _mean(lambda both, there, said: both / said)),
        Mistake("absent counts 0", "Right where every class is there. A class with an empty row *and* an empty column "
                "is left out of the mean; yours counts 0 in it.", _mean(_iou, absent=0.0)),
        Mistake("absent counts 1", "An absent class gets full marks. Did you add a small number above and below the "
                "line? Leave the class out of the mean.", _mean(_iou, absent=1.0)),
        Mistake("invented left out", "You leave out every class that the truth does not have. If the network says it "
                "somewhere, its union is not empty: its IoU is 0, and that counts.",
                _mean(lambda both, there, said: _iou(both, there, said)[there > 0])),
        Mistake("pixel accuracy", "That is the pixel accuracy. Take the IoU of each class first, then the mean.",
                lambda matrix: (matrix.trace() / matrix.sum()).item()),
        Mistake("0 / 0", "Not a number: a class that is neither there nor said has 0 / 0. Choose the classes with "
                "pixels in their union before you take the mean.", when=lambda matrix, got: float(got) != float(got)),
    ),
    hints=(
        "Work out the 2 x 2 matrix by hand: intersection and union of class 0, then of class 1.",
        "Row sum: there. Column sum: said. Diagonal: both. The union is those that are there *or* said.",
        "each = both / (there + said − both); then the mean of `each` where the union is larger than 0.",
    ),
)  # fmt: skip

# ---- task 3: look at the edges -----------------------------------------------------------------------------


def _square(width: int) -> list[tuple[int, int]]:
    reach = range(-width, width + 1)
    return [(i, j) for i in reach for j in reach]


def _near(truth: Tensor, steps: list[tuple[int, int]], *, beyond: int | None = VOID, void: int = VOID) -> Tensor:
    """Pixels from which a step leads to another class. Outside the picture stands `beyond`, or its other end (None)."""
    (h, w), reach = truth.shape[-2:], max(map(max, steps))
    padded = F.pad(truth, (reach,) * 4, mode="circular" if beyond is None else "constant", value=beyond)
    near = torch.zeros_like(truth, dtype=torch.bool)
    for i, j in steps:
        other = padded[..., reach + i : reach + i + h, reach + j : reach + j + w]
        near |= (other != truth) & (other != void)
    return near & (truth != VOID)


@ruled
def _in(band: Callable, says: Tensor, truth: Tensor, classes: int, width: int, *, rest: int = VOID) -> float:
    """The mean IoU over the set, in band(says, truth, width); all other pixels are `rest`."""
    near = truth.masked_fill(~band(says, truth, width), rest)
    return scores.mean_iou(confusion(says, near, classes=classes), absent="skip")


def _true_band(says: Tensor, truth: Tensor, width: int) -> Tensor:
    return boundary.boundary_band(truth, width=width)


_edge_score = _in(_true_band)


def _per_picture(says: Tensor, truth: Tensor, classes: int, width: int) -> float:
    each = [_edge_score(*pair, classes, width) for pair in zip(says.split(1), truth.split(1), strict=True)]
    return sum(each) / len(each)


def _scene_cases(draw: Draws) -> list[tuple]:
    """Pictures with a rectangle each, which is seen somewhere near and not quite as large."""

    def pictures(count: int, h: int, w: int, classes: int, void: int) -> tuple[Tensor, Tensor]:
        says, truth = torch.zeros(2, count, h, w, dtype=torch.int64)
        for k in range(count):
            top, left, shown = draw.whole(0, 2), draw.whole(0, 2), draw.whole(1, classes - 1)
            down, right = draw.whole(top + 2, h - 3), draw.whole(left + 2, w - 3)
            truth[k, top:down, left:right] = shown
            says[k, top + draw.whole(0, 1) : down + 1, left : right + draw.whole(0, 1) + k % 2] = shown
        truth[..., w - void :] = VOID
        return says, truth

    sizes = [(1, 7, 9, 2, 0), (1, 8, 9, 2, 1), (2, 8, 9, 3, 0), (2, 9, 9, 3, 1)]
    sizes += [(draw.whole(2, 3), draw.whole(11, 17), draw.whole(11, 17), 4, draw.whole(0, 2)) for _ in range(6)]
    return [(*pictures(*one), one[3], 2 if one[1] < 10 else draw.whole(2, 3)) for one in sizes]


check_edges = Task(
    name="check_edges", exercise="12", number=3, cases=_scene_cases, reference=_edge_score,
    show=lambda says, truth, classes, width: ("the band (first picture)", _true_band(says, truth, width)[0].long()),
    mistakes=(
        Mistake("mean of pictures", "You score each picture and take the mean. The IoU of a set comes from *one* "
                "matrix: count all pictures first, then divide.", _per_picture),
        Mistake("one side only", "You look to the right and below only, so your band lies on one side of each edge. "
                "Take steps from −width to width.",
                _in(lambda says, truth, width: _near(truth, [s for s in _square(width) if min(s) >= 0]))),
        Mistake("too narrow", "One pixel too narrow: Python's range stops one before its end.",
                _in(lambda says, truth, width: _near(truth, _square(width - 1)))),
        Mistake("corners forgotten", "A pixel `width` down *and* `width` to the right is near as well.",
                _in(lambda says, truth, width: _near(truth, [s for s in _square(width) if 0 in s]))),
        Mistake("void has edges", "Where void meets a class you see an edge. Void is no *other* class.",
                _in(lambda says, truth, width: _near(truth, _square(width), void=-1, beyond=-1))),
        Mistake("the frame is an edge", "Beyond the picture you see class 0, so its frame becomes an edge. There is "
                "nothing there: fill it up with void.",
                _in(lambda says, truth, width: _near(truth, _square(width), beyond=0))),
        Mistake("rolled round", "`roll` brings the last row before the first one. What leaves on one side must not "
                "come back on the other.", _in(lambda says, truth, width: _near(truth, _square(width), beyond=None))),
        Mistake("edges of the answer", "Your band follows what the network says. Take the edges of the truth.",
                _in(lambda says, truth, width: _near(says, _square(width)) & (truth != VOID))),
        Mistake("the rest is class 0", "Outside the band stands class 0, and it counts.", _in(_true_band, rest=0)),
        Mistake("no band", "That is the mean IoU of all pixels.", _in(lambda says, truth, width: truth != VOID)),
    ),
    hints=(
        "Mark the band of the first picture with a pencil, and compare it with the one that is shown.",
        "Three steps: the band of the truth; everything else becomes void; one matrix for the set, and its mean IoU.",
        "Pad the truth with void by `width`, compare it with its (2 · width + 1)² shifted copies, leave out where the "
        "copy is void; any difference puts a pixel into the band.",
    ),
)  # fmt: skip

# ---- task 4: break it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contest:
    """Two pictures of h x w with one class to be found, and by how many points the better network is to lose."""

    h: int
    w: int
    points: int

    def __str__(self) -> str:
        return f"two pictures of {self.h} x {self.w}, {self.points} points"


def given(seed: int) -> Contest:
    """The contest of task 4 for this seed."""
    draw = Draws(seed)
    return Contest(draw.whole(4, 6), draw.whole(5, 8), draw.whole(20, 40))


def _read(contest: Contest, answer: tuple) -> tuple[list[float], list[float], float]:
    """The lead of P over Q in each picture (NaN for 0 / 0), the pixels of class 1 in each, the lead over the set."""
    maps = torch.stack([torch.as_tensor(one) for one in answer])
    if tuple(maps.shape) != (3, 2, contest.h, contest.w) or set(maps.unique().tolist()) - {0, 1}:
        raise ValueError(f"three times 2 x {contest.h} x {contest.w} zeros and ones are wanted")
    truth, p, q = maps.bool()
    both = torch.stack([truth & p, truth & q]).sum((2, 3)).double()
    either = torch.stack([truth | p, truth | q]).sum((2, 3)).double()
    p_each, q_each = both / either
    p_set, q_set = both.sum(1) / either.sum(1)
    return (p_each - q_each).tolist(), truth.sum((1, 2)).tolist(), (p_set - q_set).item()


def _lost(contest: Contest, answer: tuple) -> str | None:
    leads, _, over_the_set = _read(contest, answer)
    for k, lead in enumerate(leads, 1):
        if not lead > 0:
            return f"in picture {k} P leads by {100 * lead:.1f} points"
    if over_the_set >= 0:
        return f"P is ahead in both pictures, and over the set by {100 * over_the_set:.1f} points"
    short = -100 * over_the_set
    return f"over the set P is behind by {short:.1f} points, not {contest.points}" if short < contest.points else None


def _when(test: Callable) -> Callable:
    return lambda contest, answer: test(*_read(contest, answer))


check_contest = Task(
    name="check_contest", exercise="12", number=4, cases=once(given), measure=_lost,
    mistakes=(
        Mistake("an empty picture", "A picture without class 1 has an IoU of 0, or of 0 / 0. Put at least one pixel of "
                "it into each.", when=_when(lambda leads, there, whole: min(there) == 0)),
        Mistake("P and Q exchanged", "Right, with the names exchanged: P wins the pictures, Q the set.",
                when=_when(lambda leads, there, whole: max(leads) < 0 < whole)),
        Mistake("P not ahead", "P has to be ahead in *each* picture, if only by a little. Give Q one pixel less.",
                when=_when(lambda leads, there, whole: not min(leads) > 0)),
        Mistake("P wins the set too", "While each picture has one union for both networks, P wins the set as well. "
                "Misses do not change a union. What does?", when=_when(lambda leads, there, whole: whole >= 0)),
        Mistake("by too little", "It breaks the claim; now more of it. Make P's bad picture as *heavy* as it can be, "
                "and the same picture as light as it can be for Q.", when=_when(lambda leads, there, whole: whole < 0)),
    ),
    hints=(
        "Over the set the IoU is (I1 + I2) / (U1 + U2): a picture weighs as much as its union. How can a network make "
        "a union large?",
        "Picture 1 is bad for both, picture 2 good. P makes picture 1 heavy by painting too much; Q misses it.",
        "Picture 1: one pixel of class 1; P calls everything 1, Q nothing. Picture 2: about a third of the pixels; P "
        "finds all of them, Q all but one.",
    ),
)  # fmt: skip
