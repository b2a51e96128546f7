"""Which photographs a cell of a notebook is made from, and whose they are.

Names are followed through the text of the cells, and of the library where a cell calls it: what was computed from a
photograph counts as made from it. Nothing is executed. A name that meets two photographs keeps both.
"""

import ast
import functools
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

#: By its name in skimage.data: what it shows, who made it, on what terms.
#: Source: the docstrings of skimage.data in scikit-image 0.26.
TERMS = {
    "astronaut": "Eileen Collins, by NASA, public domain",
    "camera": "the cameraman, by Lav Varshney, CC0",
    "chelsea": "Chelsea the cat, by Stefan van der Walt, CC0",
    "coffee": "a coffee cup, by Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0",
    "rocket": "the launch of DSCOVR, by SpaceX, public domain",
    "stereo_motorcycle": "a motorcycle, from the Middlebury 2014 stereo benchmark, by Nesic, Westling, Wang, Kitajima, "
    "Krathwohl and Scharstein; scikit-image names its authors and states no licence",
}
COURSE = "MIT, the jpu_edu authors"
LOADER = "jpu_edu.data.photos"  # it names all of them and holds none; who calls it says which
KEEP = ("add", "append", "extend", "insert", "setdefault", "update")  # methods that put a value into a collection

Origin = dict[str, frozenset[str]]  # name -> the photographs it was made from


def licence(photographs: Iterable[str]) -> str:
    """The licence of a figure: the course's, and the terms of each photograph in it.

    Raises:
        ValueError: a photograph whose terms nobody has looked up.
    """
    given = sorted(photographs)
    for name in given:
        if name not in TERMS:
            raise ValueError(f"licence: photograph {name!r}; look up its terms and add them to TERMS")
    return ". Made with a photograph: ".join([COURSE, *(f"{TERMS[name]} (skimage.data.{name})" for name in given)])


def of_cells(sources: Iterable[str]) -> list[frozenset[str]]:
    """For each code cell of a notebook, in order, the photographs that anything in it was made from."""
    origin: Origin = {}
    fixed: set[str] = set()
    return [
        frozenset().union(*(_follow(statement, origin, fixed) for statement in ast.parse(source).body))
        for source in sources
    ]


@functools.cache
def _of_module(name: str) -> Origin:
    """What each name that a module defines is made from. Twice through: a function may be used above its lines."""
    spec = importlib.util.find_spec(name)
    origin: Origin = {}
    if spec and spec.origin and spec.origin.endswith(".py"):
        body, fixed = ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body, set()
        for statement in [*body, *body]:
            _follow(statement, origin, fixed)
    return origin


def _follow(statement: ast.stmt, origin: Origin, fixed: set[str]) -> frozenset[str]:
    """Note in `origin` what one statement makes; returns the photographs in it. `fixed`: the imported names."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            name = alias.asname or alias.name.partition(".")[0]
            fixed.add(name)
            origin[name] = frozenset()
            module = statement.module or "" if isinstance(statement, ast.ImportFrom) else ""
            if module.startswith("jpu_edu") and module != LOADER:
                origin[name] = _of_module(module).get(alias.name, frozenset())
        return frozenset()
    nodes = list(ast.walk(statement))
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {name for node in nodes if isinstance(node, ast.comprehension | ast.For) for name in _bases(node.target)}
    if isinstance(statement, ast.FunctionDef):
        own |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    met: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in own:
            met |= origin.get(node.id, frozenset())
        elif isinstance(node, ast.Constant) and node.value in TERMS:
            met.add(node.value)
        elif isinstance(node, ast.Attribute) and node.attr in TERMS:
            met.add(node.attr)
    for name in set(_made(statement, nodes)) - fixed:
        origin[name] = frozenset(met)
    return frozenset(met)


def _made(statement: ast.stmt, nodes: list[ast.AST]) -> Iterator[str]:
    """The names that a statement gives a value, or changes by a method or an index."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in nodes:
        if isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield from _bases(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in KEEP:
            yield from _bases(node.func)


def _bases(node: ast.expr) -> Iterator[str]:
    """`a` of a, a.b, a[0], and both of (a, b)."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Tuple | ast.List):
        for element in node.elts:
            yield from _bases(element)
