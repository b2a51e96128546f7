"""Labels drawn by hand for one photograph, "camera": a man, his tripod, and what is behind them.

Shape legend
    H, W     512 x 512, the photograph's own size
    corner   (column, row) in pixels, as one reads it off the photograph
"""

import torch
from jaxtyping import Int64
from skimage.draw import polygon
from torch import Tensor

from jpu_edu.data.classes import coloured

CAMERAMAN = coloured("ground d9dde3, man 546074, tripod d55e00")
GROUND, MAN, TRIPOD = range(3)

_OUTLINE = (
    (0, 258), (20, 228), (34, 203), (50, 176), (64, 156), (80, 142), (100, 130), (124, 124), (132, 124), (146, 110),
    (157, 105), (163, 104), (163, 95), (172, 82), (186, 72), (203, 64), (222, 66), (243, 77), (258, 93), (268, 107),
    (270, 118), (268, 131), (262, 139), (300, 141), (323, 139), (324, 154), (319, 157), (319, 167), (327, 168),
    (331, 181), (325, 200), (314, 216), (308, 228), (303, 244), (304, 272), (300, 279), (283, 291), (262, 305),
    (246, 312), (229, 306), (207, 294), (192, 316), (172, 343), (141, 380), (147, 425), (150, 511), (0, 511),
)  # fmt: skip
_SEEN_THROUGH = (  # between the legs, and under the hand
    ((98, 447), (110, 460), (123, 480), (133, 500), (138, 511), (90, 511)),
    ((244, 208), (262, 206), (268, 217), (261, 230), (249, 246), (244, 236), (243, 222)),
)
_STROKES = (  # from (column, row) to (column, row), and how wide
    (293, 217, 293, 316, 8), (280, 318, 306, 318, 5), (290, 326, 297, 332, 18), (293, 336, 293, 484, 11),
    (287, 332, 236, 511, 12), (281, 350, 246, 511, 8), (309, 331, 360, 428, 8), (360, 428, 406, 514, 9),
    (305, 318, 320, 307, 5), (320, 307, 335, 303, 6), (254, 462, 293, 484, 7), (247, 490, 293, 484, 5),
    (293, 484, 386, 482, 4), (388, 476, 394, 488, 12), (239, 486, 237, 498, 11),
)  # fmt: skip


def cameraman_labels() -> Int64[Tensor, "H W"]:
    """The labels of `photo("camera")`, read off the photograph by hand: ground 0, man 1, tripod 2.

    Notice: the tripod is 3 % of the picture, and its legs are 8 to 12 pixels wide, a third of the stride of c5. It
    shows what a resolution can hold. The camera belongs to the man, and the outlines are right to about two pixels.

    Source: drawn for walkthrough 05.
    """
    labels = torch.zeros(512, 512, dtype=torch.int64)
    for outline, label in ((_OUTLINE, MAN), *((hole, GROUND) for hole in _SEEN_THROUGH)):
        columns, rows = zip(*outline, strict=True)
        labels[polygon(rows, columns, (512, 512))] = label
    y, x = torch.meshgrid(torch.arange(512.0), torch.arange(512.0), indexing="ij")
    for x0, y0, x1, y1, width in _STROKES:
        along_x, along_y = x1 - x0, y1 - y0
        share = ((x - x0) * along_x + (y - y0) * along_y) / (along_x**2 + along_y**2)
        share = share.clamp(0, 1)  # beyond its ends a stroke is round
        near = (x - x0 - share * along_x) ** 2 + (y - y0 - share * along_y) ** 2 <= width**2 / 4
        labels[near] = TRIPOD
    return labels
