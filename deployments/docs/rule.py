"""Rules of the code that no linter knows: names of files, docstrings, examples."""

import ast
import inspect
from collections.abc import Collection, Iterator
from pathlib import Path

from runbooks import catalogue
from spine.runbook import Runbook
from tasks.mitigations import actions

PACKAGES = ("spine", "store", "ml", "blocks", "tasks", "runbooks", "flows", "gateway", "deployments")


def broken_rules(root: Path) -> Iterator[str]:
    """A sentence for each rule that is not kept."""
    yield from undocumented(root)
    for book in catalogue().values():
        yield from runbook_problems(book)
    yield from misnamed(actions(), {file.stem for file in (root / "tasks" / "mitigations").glob("[!_]*.py")})


def runbook_problems(book: Runbook) -> Iterator[str]:
    """What `book` lacks."""
    file = Path(inspect.getsourcefile(book.diagnose) or "")
    if file.stem != book.kind.value.lower():
        yield f"{file}: it declares {book.kind.value}; a runbook's file bears the name of its kind"
    for step in book.steps:
        if not inspect.getdoc(step):
            yield f"{file}: the step {step.__name__} has no docstring"
    for acts, called in ((True, "firing"), (False, "silent")):
        if not any(example.acts is acts for example in book.examples):
            yield f"{file}: {book.kind.value} has no {called} example"


def undocumented(root: Path) -> Iterator[str]:
    """Public modules, classes and functions of the packages that have no docstring."""
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            for line, name in _without_docstring(ast.parse(file.read_text(encoding="utf-8")), file.stem):
                yield f"{file.relative_to(root)}:{line}: {name} has no docstring"


def misnamed(keys: Collection[str], stems: Collection[str]) -> Iterator[str]:
    """Actions whose file does not bear their name."""
    for key in sorted(keys):
        if key.replace(".", "_") not in stems:
            yield f"tasks/mitigations: the file of the action {key} must be {key.replace('.', '_')}.py"


def _without_docstring(tree: ast.Module, module: str) -> Iterator[tuple[int, str]]:
    if not ast.get_docstring(tree):
        yield 1, f"the module {module}"
    yield from _within(tree, "")


def _within(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[int, str]]:
    for child in node.body:
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or child.name.startswith("_"):
            continue
        if not ast.get_docstring(child):
            yield child.lineno, f"{prefix}{child.name}"
        if isinstance(child, ast.ClassDef):
            yield from _within(child, f"{prefix}{child.name}.")
