"""Signature 1: a dilated convolution comes apart into split, conv and merge, one number at a time.

Shape legend
    H, W       the map, at most 9 x 9, integers
    k_h, k_w   the kernel, at most 3 x 3
    r_h, r_w   the rate; phase k = p * r_w + q
    a, b       a row and a column of the map; i, j of a phase: a = i * r_h + p, b = j * r_w + q
"""

from dataclasses import replace

from jpu_edu.ops.phases import Rate, rate_pair
from jpu_edu.widgets.frames import CELL, Frame, Mark, phase_swatches
from jpu_edu.widgets.maps import TOP, Numbers, cells, edge, integers, number, products, window
from jpu_edu.widgets.phase_numbers import PhaseNumbers
from jpu_edu.widgets.phase_places import PhasePlaces
from jpu_edu.widgets.stepper import Stepper


def split_conv_merge(x: Numbers, weight: Numbers, *, rate: Rate = 2) -> Stepper:
    """Show merge(conv(split(x))) = dilated(x) in steps: pixels fly apart, one kernel slides, they fly back.

    Notice: in every step of "conv" the same numbers light up twice: side by side in a small map, and with
    holes between them in x.

    Args:
        x: (H, W) integers, H and W from the rate to 9; a signal is a map of one row.
        weight: (k_h, k_w) integers, at most 3 x 3. Odd kernels keep the size by zero padding; where a side
            is even there is no padding on that axis and the output is smaller.
        rate: 1 to 3, or a pair such as (1, 2) for a signal.

    Returns:
        A Stepper: the last line of a cell shows it.

    Raises:
        ValueError: maps, kernels or rates that do not fit; numbers that are not small integers.

    Source: FastFCN, section 3.3, C_d = S, C_r, M; walkthrough 03.
    """
    what = "split_conv_merge"
    pair = rate_pair(rate, what=what)
    if max(pair) > 3:
        raise ValueError(f"{what}: rate={rate!r}; the picture has room for rates 1 to 3")
    grid = integers(x, name="x", most=9, what=what)
    kernel = integers(weight, name="weight", most=3, what=what)
    for axis, name in enumerate(("rows", "columns")):
        size, taps = grid.shape[axis], kernel.shape[axis]
        least = pair[axis] * (1 if taps % 2 else taps)
        if size < least:
            raise ValueError(f"{what}: x has {size} {name}; rate={rate!r} and {taps} taps need at least {least}")
    return _Story(PhaseNumbers.compute(grid, kernel, rate=pair)).stepper()


class _Story(PhasePlaces):
    """The frames, told with these places."""

    def conv_frames(self) -> list[Frame]:
        """One frame for each place of the kernel: every phase that has this place computes one output."""
        n, frames, done = self.n, [], {}
        height, width = n.phase_outputs[0].shape
        square = n.rate[0] == n.rate[1] or n.x.shape[0] == 1
        rate = str(n.rate[1]) if square else f"{n.rate[0]} × {n.rate[1]}"
        stage = self.base(flown=True, coloured=True, padding=True) | self.labels(
            top="S: the phases of x", left=f"dilated conv, rate {rate}", right="conv in every phase"
        )
        says = (
            f"One kernel slides over all phases in step; over x the same {n.weight.numel()} numbers light up "
            "with holes between them."
            if n.weight.numel() > 1
            else "A kernel of one number has no neighbours, so it has no holes."
        )
        says += " Dashed zeros are padding." if any(n.pad) else ""
        for step in range(height * width):
            i, j = divmod(step, width)
            lit, notes, windows = [f"w{u}_{v}" for (u, v), _ in cells(n.weight)], [], {}
            first = (i - n.pad[0], j - n.pad[1])
            last = (first[0] + n.weight.shape[0] - 1, first[1] + n.weight.shape[1] - 1)
            for k, output in enumerate(n.phase_outputs):
                if i >= output.shape[0] or j >= output.shape[1]:
                    continue
                p, q = divmod(k, n.rate[1])
                a, b, taps, size = i * n.rate[0] + p, j * n.rate[1] + q, n.taps(k, i, j), tuple(n.phases[k].shape)
                left = (edge(0, 1, n.wide[1]) + CELL * b, self.below + CELL * a)
                done[f"d{a}_{b}"] = Mark(*left, number(n.dilated[a, b].item()), str(k))
                done[f"m{a}_{b}"] = self.output(k, i, j, merged=False)
                lit += [f"{where}{c}_{d}" for where in "xs" for c, d in taps] + [f"d{a}_{b}", f"m{a}_{b}"]
                notes.append((str(k), f"row {a}, column {b}: {products(n.patch(k, i, j), n.weight)}"))
                windows[f"f{k}"] = window(first, last, size, n.pad, at=self.origin[k], colour=str(k))
                windows[f"r{k}"] = window(
                    taps[0], taps[-1], tuple(n.x.shape), n.wide, at=(0, TOP), colour=str(k), reach=True
                )
            caption = f"Conv, position {step + 1} of {height * width}. {says}"
            frames.append(Frame(stage | done | windows, caption, "conv", tuple(lit), tuple(notes), 900))
        return frames

    def stepper(self) -> Stepper:
        n = self.n
        rows, columns = n.x.shape
        shapes = [" × ".join(map(str, phase.shape)) for phase in n.phases]
        sizes = f", all {shapes[0]}" if len(set(shapes)) == 1 else f": {', '.join(shapes)}"
        count = len(n.phases)
        start = [
            Frame(
                self.base(flown=False, coloured=False, padding=False) | self.labels(),
                f"A map x of {rows} × {columns} integers and a kernel of {' × '.join(map(str, n.weight.shape))}.",
                "map",
            ),
            Frame(
                self.base(flown=False, coloured=True, padding=False) | self.labels(),
                f"Colour and marker name the phase: row mod {n.rate[0]} and column mod {n.rate[1]}. There are {count}.",
                "split",
            ),
            Frame(
                self.base(flown=True, coloured=True, padding=False) | self.labels(top="S: the phases of x"),
                f"Split: pixels of one colour move together. {count} small maps{sizes}. Nothing is computed.",
                "split",
            ),
        ]
        conv = self.conv_frames()
        kept = {key: mark for key, mark in conv[-1].marks.items() if mark.kind != "window"}
        right = kept["label-right"]
        home = {
            f"m{a}_{b}": self.output(n.phase_of(a, b), a // n.rate[0], b // n.rate[1], merged=True)
            for (a, b), _ in cells(n.merged)
        }
        merged = kept | home | {"label-right": replace(right, text="M: merged")}
        difference = n.dilated - n.merged
        at = (self.right + edge(0, 1, n.pad[1]), TOP + edge(0, 1, n.wide[0]))
        zeros = {
            f"e{a}_{b}": Mark(at[0] + CELL * b, at[1] + CELL * a, number(value)) for (a, b), value in cells(difference)
        }
        gone = {key: replace(mark, look="hidden") for key, mark in kept.items() if key.startswith("s")}
        last = merged | gone | zeros | {"label-top": replace(kept["label-top"], text="difference: dilated − merged")}
        largest = difference.abs().max().item()
        verdict = "merge(conv(split(x))) = dilated(x), exact." if largest == 0 else "The two sides differ."
        end = [
            Frame(merged, "Merge: every output flies to the place that its phase names.", "merge"),
            Frame(
                last,
                f"Difference: {difference.numel()} numbers, the largest is {number(largest)}. {verdict}",
                "difference",
                tuple(zeros),
            ),
        ]
        width = n.phase_outputs[0].shape[1]
        links = {}
        for (a, b), _ in cells(n.merged):
            target = (len(start) + a // n.rate[0] * width + b // n.rate[1], str(n.phase_of(a, b)))
            links |= {f"{where}{a}_{b}": target for where in "xsdm"}
        return Stepper(
            [*start, *conv, *end],
            size=self.size,
            alt=f"A {rows} by {columns} map splits into {count} phases; one kernel slides over all of them and, with "
            f"holes, over the map; the outputs merge into the dilated convolution.",
            palette=phase_swatches(n.rate),
            views=[str(k) for k in range(count)],
            links=links,
            poster=len(start) + (len(conv) * 2) // 3,
        )
