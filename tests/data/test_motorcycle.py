"""The motorcycle of walkthrough 07: a mask that was measured, and colours that do not depend on the resolution."""

import numpy as np
import torch
from skimage import data

from jpu_edu.data.motorcycle import COLUMNS, NEAR, ROWS, motorcycle, repaint
from jpu_edu.ops.interp import resize


def test_the_mask_is_the_measured_distance_where_there_is_one():
    picture, mask, known = motorcycle(dtype=torch.float64)
    assert picture.shape == (1, 3, 192, 256) and mask.shape == known.shape == (1, 1, 192, 256)
    assert picture.dtype == mask.dtype == torch.float64
    left, _, disparity = (x[ROWS, COLUMNS] for x in data.stereo_motorcycle())
    measured = torch.from_numpy(np.isfinite(disparity))
    assert torch.equal(known[0, 0], measured) and 0.91 < known.double().mean() < 0.92
    assert torch.equal(mask[0, 0][measured], torch.from_numpy(disparity > NEAR)[measured].double())
    assert torch.equal((picture * 255).round()[0, :, 5, 7], torch.from_numpy(left[5, 7].astype(float)))


def test_an_unmeasured_pixel_has_the_value_of_a_nearest_measured_one():
    _, mask, known = motorcycle()
    rows, columns = known[0, 0].nonzero().T
    for i, j in (~known[0, 0]).nonzero()[::97].tolist():
        if not (20 < i < 172 and 20 < j < 236):  # the nearest one may lie outside the window
            continue
        away = (rows - i).square() + (columns - j).square()
        nearest = away == away.min()
        assert mask[0, 0, i, j] in mask[0, 0, rows[nearest], columns[nearest]]


def test_red_becomes_blue_and_grey_stays_grey():
    red = torch.tensor([0.9, 0.1, 0.1]).reshape(1, 3, 1, 1).expand(1, 3, 6, 8)
    got = repaint(red)[0, :, 0, 0]
    assert got[2] > 0.85 and got[0] == got[1] < 0.2
    grey = torch.full((1, 3, 6, 8), 0.3)
    got = repaint(grey)
    assert got.std() < 1e-6 and got.mean() > 0.4, "dark surroundings are made lighter"


def test_a_shrunken_picture_is_repainted_as_its_original_is():
    """On average within 1 % of the range, where the colours themselves move by more than 6 %."""
    picture = motorcycle().picture
    small = resize(picture, size=(24, 32), mode="area")
    apart = (repaint(small) - resize(repaint(picture), size=(24, 32), mode="area")).abs().mean()
    assert apart < 0.01 < 0.06 < (repaint(picture) - picture).abs().mean()
