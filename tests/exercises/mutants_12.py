"""What students write for exercise 12: (task, the mistake that must be named or "right", the function)."""

import torch
import torch.nn.functional as F

VOID = 255


def counted(row, column=lambda t, s, classes: s):
    """bincount of row(t, s, classes) and a column."""

    def count(says, truth, classes, void):
        known = truth != void
        t, s = truth[known], says[known]
        places = row(t, s, classes) * classes + column(t, s, classes)
        return torch.bincount(places, minlength=classes**2).reshape(classes, classes)

    return count


def looped(skip, row=lambda t, void: t):
    def count(says, truth, classes, void):
        counts = torch.zeros(classes, classes, dtype=torch.int64)
        for i in range(truth.shape[0]):
            for j in range(truth.shape[1]):
                if not skip(truth[i, j], void):
                    counts[row(truth[i, j], void), says[i, j]] += 1
        return counts

    return count


def by_one_hot(says, truth, classes, void):
    known = (truth != void).flatten()
    t, s = (F.one_hot(one.flatten()[known], classes) for one in (truth, says))
    return t.T @ s


def mean_of(fraction):
    """The mean over classes of fraction(matrix, k); None is left out."""

    def mean_iou(matrix):
        m = matrix.tolist()
        found = [fraction(m, k) for k in range(len(m))]
        found = [one for one in found if one is not None]
        return sum(found) / len(found)

    return mean_iou


def sums(m, k):
    return m[k][k], sum(m[k]), sum(row[k] for row in m)


def divided(above, below, empty=None):
    def fraction(m, k):
        return above(*sums(m, k)) / below(*sums(m, k)) if below(*sums(m, k)) else empty

    return mean_of(fraction)


def union(both, there, said):
    return there + said - both


def both_(both, there, said):
    return both


def only_in_the_truth(m, k):
    both, there, said = sums(m, k)
    return both / (there + said - both) if there else None


def plain(matrix):
    both = matrix.diagonal()
    return (both / (matrix.sum(0) + matrix.sum(1) - both)).mean()


def with_small_number(matrix):
    both = matrix.diagonal().double()
    return ((both + 1e-12) / (matrix.sum(0) + matrix.sum(1) - both + 1e-12)).mean().item()


def near(truth, width, *, low=None, high=None, steps=lambda i, j: True, beyond=VOID, void=VOID):
    """Pixel by pixel: whether one of its neighbours is of another class."""
    low, high = -width if low is None else low, width if high is None else high
    band = torch.zeros_like(truth, dtype=torch.bool)
    count, h, w = truth.shape
    for b in range(count):
        here = truth[b].tolist()
        for i in range(h):
            for j in range(w):
                for di in range(low, high + 1):
                    for dj in range(low, high + 1):
                        inside = 0 <= i + di < h and 0 <= j + dj < w
                        other = here[i + di][j + dj] if inside else beyond
                        if other not in (here[i][j], void) and steps(di, dj):
                            band[b, i, j] = True
    return band & (truth != VOID)


def scored(says, truth, classes):
    known = truth != VOID
    matrix = torch.bincount(truth[known] * classes + says[known], minlength=classes**2).reshape(classes, classes)
    return divided(both_, union)(matrix)


def banded(band, rest=VOID):
    def edge_score(says, truth, classes, width):
        return scored(says, torch.where(band(truth, width), truth, rest), classes)

    return edge_score


def by_pools(says, truth, classes, width):
    """Unusual: a pixel is near where more than one class is in its window."""
    hot = torch.stack([(truth == k).double() for k in range(classes)], 1)
    seen = F.max_pool2d(hot, 2 * width + 1, 1, width).sum(1)
    return scored(says, truth.masked_fill(seen < 2, VOID), classes)


def each_picture(says, truth, classes, width):
    pairs = zip(says, truth, strict=True)
    return torch.tensor([banded(near)(s[None], t[None], classes, width) for s, t in pairs]).double().mean()


def of_the_answer(says, truth, classes, width):
    return scored(says, truth.masked_fill(~near(says, width), VOID), classes)


def rolled(truth, width):
    band = torch.zeros_like(truth, dtype=torch.bool)
    for i in range(-width, width + 1):
        for j in range(-width, width + 1):
            other = torch.roll(truth, shifts=(i, j), dims=(1, 2))
            band |= (other != truth) & (other != VOID)
    return band & (truth != VOID)


def contest(*pictures):
    """Each picture: the pixels of class 1, and for P and Q how many they find and how many they invent."""

    def answer(given):
        maps = torch.zeros(3, 2, given.h * given.w, dtype=torch.int64)
        for k, (there, *networks) in enumerate(pictures):
            maps[0, k, :there] = 1
            for row, (found, invented) in enumerate(networks, 1):
                maps[row, k, :found] = 1
                maps[row, k, there : there + invented] = 1
        return tuple(maps.reshape(3, 2, given.h, given.w))

    return answer


def as_lists(given):
    """Right, and unusual: lists; Q finds a little of the first picture as well."""
    third = given.h * given.w // 3
    empty = [[0] * given.w for _ in range(given.h)]
    truth, q = (
        [[int(i * given.w + j < n) for j in range(given.w)] for i in range(given.h)] for n in (third, third - 1)
    )
    one = [[1] + [0] * (given.w - 1), *empty[1:]]
    return [one, truth], [[[1] * given.w] * given.h, truth], [empty, q]


def swapped(given):
    truth, p, q = contest(HEAVY, GOOD)(given)
    return truth, q, p


HEAVY, GOOD = (1, (1, 99), (0, 0)), (8, (8, 0), (7, 0))

MUTANTS = [
    (1, "right", counted(lambda t, s, classes: t)),
    (1, "right", by_one_hot),
    (1, "rows and columns swapped", counted(lambda t, s, classes: s, lambda t, s, classes: t)),
    (1, "void counted", looped(lambda t, void: False)),
    (1, "void as class 0", looped(lambda t, void: False, row=lambda t, void: t * (t != void))),
    (1, "void is always 255", looped(lambda t, void: t == 255)),
    (2, "right", divided(both_, union)),
    (2, "intersection counted twice", divided(both_, lambda both, there, said: there + said)),
    (2, "Dice", divided(lambda both, there, said: both, lambda both, there, said: (there + said) / 2)),
    (2, "recall", divided(both_, lambda both, there, said: there)),
    (2, "precision", divided(both_, lambda both, there, said: said)),
    (2, "absent counts 0", divided(both_, union, empty=0.0)),
    (2, "absent counts 1", with_small_number),
    (2, "invented left out", mean_of(only_in_the_truth)),
    (2, "pixel accuracy", lambda matrix: matrix.diagonal().sum().item() / matrix.sum().item()),
    (2, "0 / 0", plain),
    (3, "right", banded(near)),
    (3, "right", by_pools),
    (3, "mean of pictures", each_picture),
    (3, "one side only", banded(lambda truth, width: near(truth, width, low=0))),
    (3, "too narrow", banded(lambda truth, width: near(truth, width, low=1 - width, high=width - 1))),
    (3, "corners forgotten", banded(lambda truth, width: near(truth, width, steps=lambda i, j: i == 0 or j == 0))),
    (3, "void has edges", banded(lambda truth, width: near(truth, width, void=None, beyond=None))),
    (3, "the frame is an edge", banded(lambda truth, width: near(truth, width, beyond=0))),
    (3, "rolled round", banded(rolled)),
    (3, "edges of the answer", of_the_answer),
    (3, "the rest is class 0", banded(near, rest=0)),
    (3, "no band", lambda says, truth, classes, width: scored(says, truth, classes)),
    (4, "right", contest(HEAVY, GOOD)),
    (4, "right", as_lists),
    (4, "an empty picture", contest((0, (0, 99), (0, 0)), GOOD)),
    (4, "P and Q exchanged", swapped),
    (4, "P not ahead", contest(HEAVY, (8, (8, 0), (8, 0)))),
    (4, "P wins the set too", contest((8, (6, 0), (5, 0)), GOOD)),
    (4, "by too little", contest((4, (1, 5), (0, 0)), GOOD)),
]
