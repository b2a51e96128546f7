"""Every checker against what people write: solutions and unusual right answers pass, mistakes get their own hint."""

from importlib import import_module

import pytest

from tests.exercises.sheets import MODULES, blanks, solutions, source, tasks

MUTANTS = {module: import_module(f"tests.exercises.mutants_{source(module).stem[:2]}").MUTANTS for module in MODULES}
EVERY = [(module, task) for module in MODULES for task in tasks(module)]
CASES = [
    pytest.param(tasks(module)[number - 1], wanted, function, id=f"{tasks(module)[number - 1].name}-{wanted}-{place}")
    for module, mutants in MUTANTS.items()
    for place, (number, wanted, function) in enumerate(mutants)
]
each_task = pytest.mark.parametrize(("module", "task"), EVERY, ids=lambda value: getattr(value, "name", ""))


@each_task
@pytest.mark.parametrize("seed", [0, 2027, 4711])
def test_the_solution_passes_at_every_seed(module, task, seed):
    verdict = task(solutions(module)[task.number], seed=seed)
    assert verdict.passed, verdict
    assert verdict.points(4) == 4.0


@each_task
def test_the_blank_is_recognised(module, task):
    verdict = task(blanks(module)[task.number])
    assert verdict.kind == "blank" and "Not written yet" in repr(verdict)
    assert verdict.points(4) == 0.0


@pytest.mark.parametrize("seed", [0, 2027])
@pytest.mark.parametrize(("task", "wanted", "function"), CASES)
def test_a_mistake_is_named_and_an_unusual_right_answer_passes(task, wanted, function, seed, record_property):
    verdict = task(function, seed=seed)
    assert ("right" if verdict.passed else verdict.mistake) == wanted, verdict
    if wanted != "right":
        (hint,) = [mistake.hint for mistake in task.mistakes if mistake.name == wanted]
        assert f"Hint. {hint}" in verdict.help
        assert verdict.points(4) <= 2.0
        if seed == 0:
            record_property("mutant", f"{task.exercise}.{task.number}  {task.name:<16}{wanted:<34}{hint}")


@pytest.mark.parametrize(
    ("task", "wanted", "function"), [one for one in CASES if one.values[0].number == 4 and one.values[1] != "right"]
)
def test_at_no_seed_does_a_wrong_answer_to_the_one_case_of_task_4_pass(task, wanted, function):
    """The other tasks have many cases at each seed; this one draws one, which may hide a mistake by chance."""
    assert [seed for seed in range(12) if task(function, seed=seed).passed] == []


@each_task
def test_every_named_mistake_has_a_mutant_and_there_are_three_at_least(module, task):
    tried = {wanted for number, wanted, _ in MUTANTS[module] if number == task.number}
    assert "right" in tried, "no unusual solution is tried"
    assert tried - {"right"} == {mistake.name for mistake in task.mistakes}
    assert len(task.mistakes) >= 3
    assert len({mistake.hint for mistake in task.mistakes}) == len(task.mistakes)
