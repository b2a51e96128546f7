"""The labels of the photograph lie on the photograph: dark where the man is, thin where the tripod is."""

import torch
import torch.nn.functional as F

from jpu_edu.data.cameraman import CAMERAMAN, GROUND, MAN, TRIPOD, cameraman_labels
from jpu_edu.data.photos import photo


def test_every_pixel_has_a_class_and_the_photograph_agrees():
    labels, grey = cameraman_labels(), photo("camera")[0, 0]
    assert labels.shape == grey.shape
    CAMERAMAN.check(labels)
    share = torch.bincount(labels.flatten(), minlength=3) / labels.numel()
    assert (share - torch.tensor([0.647, 0.321, 0.032])).abs().max() < 0.001
    assert grey[labels == MAN].median() < 0.2 < 0.5 < grey[labels == GROUND].median()


def test_known_pixels():
    labels = cameraman_labels()
    places = {
        (20, 20): GROUND,
        (300, 100): MAN,
        (165, 310): MAN,
        (400, 293): TRIPOD,
        (428, 360): TRIPOD,
        (480, 110): GROUND,
    }
    assert {place: labels[place].item() for place in places} == places


def test_the_tripod_is_thinner_than_half_a_sample_of_c5():
    """Nowhere does a 22 x 22 square fit into it, and below its head no 16 x 16, half a sample of c5."""
    tripod = (cameraman_labels() == TRIPOD).float()[None, None]
    largest = [k for k in range(1, 32) if F.avg_pool2d(tripod, k, stride=1).max() == 1]
    assert max(largest) < 22
    legs = tripod[..., 360:450, :]  # below the head there are only legs
    assert F.avg_pool2d(legs, 16, stride=1).max() < 1
