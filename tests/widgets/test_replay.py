"""The replay remembers what the network said, changes nothing of the run, and works at every end of its sliders."""

from itertools import product

import matplotlib.pyplot as plt
import pytest
import torch

from jpu_edu.metrics.confusion import confusion
from jpu_edu.metrics.scores import mean_iou
from jpu_edu.train.loop import train
from jpu_edu.train.protocol import whole_image
from jpu_edu.widgets import replay
from jpu_edu.widgets.replay import Replay, draw_curves, explore_replay, ranges
from tests.train import small

CONFIG = {"steps": 4, "log_every": 1, "evaluate_every": 2, "save_every": 4}


def played(tmp_path, *, name="run", watched=True, every=2, seed=0):
    model = small.network(seed=seed)
    run = Replay(name, model, small.Bricks(2, split="val"), scenes=2, every=every)
    train(
        model, *small.sets(), small.config(**CONFIG),
        folder=tmp_path / f"{name}{watched}", progress=False, watch=run if watched else None,
    )  # fmt: skip
    return model, run


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [played(folder, name=name, seed=seed)[1] for seed, name in enumerate(("one", "two"))]


@pytest.mark.parametrize("ends", list(product((0, 1), repeat=2)))
@pytest.mark.parametrize("count", [1, 2])
def test_the_sliders_work_at_every_combination_of_their_ends(two, ends, count, capsys):
    sliders = {name: span[end] for (name, span), end in zip(ranges(two[:count]).items(), ends, strict=True)}
    explore_replay(replays=two[:count], **sliders)
    assert capsys.readouterr().out.startswith(f"after {4 * ends[0]} steps, scene {ends[1]}, pixels right: one ")


def test_it_remembers_what_the_network_said_and_what_the_log_says(tmp_path):
    model, run = played(tmp_path)
    assert run.steps == [0, 2, 4] and list(run.losses) == [1, 2, 3, 4]
    for scene, sample in enumerate(run.samples):
        said = whole_image(model, sample.image)
        assert torch.equal(run.frames[4][scene].long(), said)
        assert run.right(4, scene) == pytest.approx((said == sample.labels).double().mean().item())


def test_it_looks_at_every_so_many_steps_and_keeps_what_it_saw_before():
    model = small.network()
    run = Replay("x", model, small.Bricks(2), scenes=2, every=4)
    first = run.frames[0].clone()
    with torch.no_grad():
        model.head.classifier[1].bias[2] += 1000
    run({"step": 2, "loss": 1.0})
    run({"step": 4, "loss": 0.5})
    run({"step": 4, "miou": None})
    assert run.steps == [0, 4] and run.losses == {2: 1.0, 4: 0.5}
    assert torch.equal(run.frames[0], first) and run.frames[4].unique().tolist() == [2] != first.unique().tolist()


def test_a_run_that_is_watched_ends_with_the_bits_of_one_that_is_not(tmp_path):
    watched, unwatched = (played(tmp_path, watched=watched)[0] for watched in (True, False))
    for name, tensor in watched.state_dict().items():
        assert torch.equal(tensor, unwatched.state_dict()[name]), name


def test_the_line_stands_at_the_step_and_every_look_is_drawn(two):
    figure, axes = plt.subplots(1, 2)
    draw_curves(tuple(axes), two, step=2)
    first, second, line = axes[0].lines
    assert first.get_ydata().tolist() == list(two[0].losses.values())
    assert second.get_xdata().tolist() == [1, 2, 3, 4]
    assert set(line.get_xdata()) == {2}
    assert axes[1].lines[0].get_xdata().tolist() == [0, 2, 4]
    plt.close(figure)


def test_the_score_is_that_of_the_scenes_together(two):
    run = two[0]
    matrix = sum(confusion(run.frames[4][i], s.labels, classes=3) for i, s in enumerate(run.samples))
    assert run.scores[4] == pytest.approx(mean_iou(matrix, absent="skip"))


def test_runs_that_were_looked_at_differently_and_places_that_are_not_there_are_refused(two, tmp_path):
    other = played(tmp_path, name="other", every=4)[1]
    with pytest.raises(ValueError, match="one: 2 scenes, steps to 4; other"):
        ranges([two[0], other])
    with pytest.raises(ValueError, match="0 runs; give 1 to 3"):
        ranges([])
    with pytest.raises(ValueError, match="frame=3; choose 0 to 2"):
        explore_replay(replays=two, frame=3, scene=0)
    with pytest.raises(ValueError, match="every=0, scenes=2 of 2"):
        Replay("x", small.network(), small.Bricks(2), scenes=2, every=0)
    assert len(replay.STROKES) == 3
