"""The configuration refuses what could not run, and says what could."""

import dataclasses

import pytest

from jpu_edu.train.config import MAY_CHANGE, Config

GOOD = Config(steps=10, batch=4, crop=(64, 64), lr=0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "steps=0.*>= 1"),
        ({"batch": 0}, "batch=0"),
        ({"crop": (64, 31)}, r"crop=\(64, 31\).*>= 32"),
        ({"lr": 0.0}, "lr=0.0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"lr_factor": -1.0}, "lr_factor=-1.0"),
        ({"momentum": 1.0}, "momentum=1.0"),
        ({"weight_decay": -1e-4}, "weight_decay=-0.0001"),
        ({"warmup": 10}, "warmup=10"),
        ({"power": -1.0}, "power=-1.0"),
        ({"aux_weight": -0.1}, "aux_weight=-0.1"),
        ({"scale": (2.0, 0.5)}, r"scale=\(2.0, 0.5\)"),
        ({"base": 0}, "base=0"),
        ({"accumulate": 3}, "batch=4, accumulate=3; accumulate must divide"),
        ({"ema": 1.0}, "ema=1.0"),
        ({"seed": -1}, "seed=-1"),
        ({"log_every": 0}, "log_every=0"),
        ({"steps": "10"}, "steps='10'; it must be int"),
        ({"steps": True}, "steps=True; it must be int"),
        ({"compile": "yes"}, "compile='yes'; it must be bool"),
        ({"crop": [64, 64]}, r"crop=\[64, 64\]; it must be \(int, int\); on a command line .* such as 128,128"),
        ({"ema": "0.9"}, r"ema='0.9'; it must be float \| None"),
        ({"optimiser": "adam"}, "optimiser='adam'; choose one of sgd, adamw"),
        ({"schedule": "cosine"}, "schedule='cosine'; choose one of poly, one_cycle"),
        ({"precision": "float16"}, "precision='float16'; choose one of float32, bfloat16"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_remedy(unchecked, change, words):
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(GOOD, **change)


def test_the_defaults_are_the_papers():
    assert (GOOD.optimiser, GOOD.schedule, GOOD.momentum, GOOD.weight_decay, GOOD.power) == (
        "sgd",
        "poly",
        0.9,
        1e-4,
        0.9,
    )
    assert (GOOD.aux_weight, GOOD.se_weight, GOOD.lr_factor, GOOD.scale, GOOD.warmup) == (0.2, 0.2, 10, (0.5, 2.0), 0)


def test_it_cannot_be_changed_and_what_may_change_on_resume_exists():
    with pytest.raises(dataclasses.FrozenInstanceError):
        GOOD.steps = 5
    assert {field.name for field in dataclasses.fields(Config)} >= MAY_CHANGE
