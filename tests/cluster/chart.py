"""Renders the chart without Helm: the part of its template language that our templates keep to, and no more.

A template that uses anything else fails here, loudly. Where Helm is installed its own rendering is compared.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_ACTION = re.compile(r"\{\{(-)?\s*(.*?)\s*(-)?\}\}", re.DOTALL)
_OPENERS = ("if", "with", "range", "define")


class Chart:
    """The templates of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.named: dict[str, list[Any]] = {}
        self.files = {file.name: _parse(file.read_text()) for file in sorted((folder / "templates").iterdir())}
        for nodes in self.files.values():
            for node in nodes:
                if node[0] == "define":
                    self.named[json.loads(node[1])] = node[2]

    def rendered(self, **changes: Any) -> dict[str, list[dict[str, Any]]]:
        """Every manifest, by the file it comes from, with `changes` laid over the chart's values."""
        values = _merged(yaml.safe_load((self.folder / "values.yaml").read_text()), changes)
        chart = yaml.safe_load((self.folder / "Chart.yaml").read_text())
        root = {
            "Values": values,
            "Release": {"Name": "spine", "Service": "Helm"},
            "Chart": {"Name": chart["name"], "Version": chart["version"], "AppVersion": chart["appVersion"]},
        }
        texts = {name: self._render(nodes, root, {"$": root}) for name, nodes in self.files.items()}
        return {
            name: [one for one in yaml.safe_load_all(text) if one] for name, text in texts.items() if ".yaml" in name
        }

    def _render(self, nodes: list[Any], dot: Any, names: dict[str, Any]) -> str:
        return "".join(self._node(node, dot, names) for node in nodes)

    def _node(self, node: Any, dot: Any, names: dict[str, Any]) -> str:
        kind, what, *inner = node
        if kind == "text":
            return str(what)
        if kind == "define":
            return ""
        if kind == "do":
            value = self._value(what, dot, names)
            return "" if value is None else str(value)
        if kind == "range":
            return "".join(self._render(inner[0], *one) for one in self._turns(what, dot, names))
        value = self._value(what, dot, names)
        return self._render(inner[0], value if kind == "with" else dot, names) if value else ""

    def _turns(self, what: str, dot: Any, names: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
        variables, _, pipeline = what.rpartition(":=")
        found = self._value(pipeline.strip(), dot, names)
        keys = [one.strip() for one in variables.split(",") if one.strip()]
        pairs = sorted(found.items()) if isinstance(found, dict) else enumerate(found)
        for key, value in pairs:
            yield value, {**names, **dict(zip(keys, (key, value) if len(keys) == 2 else (value,), strict=True))}

    def _value(self, pipeline: str, dot: Any, names: dict[str, Any]) -> Any:
        value: Any = None
        for number, stage in enumerate(pipeline.split(" | ")):
            words = shlex.split(stage, posix=False)
            arguments = [self._term(word, dot, names) for word in words[1:]] + ([value] if number else [])
            value = self._call(words[0], arguments, dot, names)
        return value

    def _call(self, word: str, arguments: list[Any], dot: Any, names: dict[str, Any]) -> Any:
        match word, arguments:
            case "include", [name, context]:
                return self._render(self.named[name], context, {"$": context}).strip("\n")
            case "toYaml", [value]:
                return yaml.safe_dump(value, sort_keys=False).rstrip("\n")
            case "toJson", [value]:
                return json.dumps(value, separators=(",", ":"))
            case "nindent", [width, text]:
                return "\n" + _indented(text, width)
            case "indent", [width, text]:
                return _indented(text, width)
            case "quote", [value]:
                return json.dumps(str(value))
            case "sha256sum", [text]:
                return hashlib.sha256(text.encode()).hexdigest()
            case "printf", [form, *given]:
                return form % tuple(given)
            case "list", given:
                return given
            case _, []:
                return self._term(word, dot, names)
        raise AssertionError(f"no template of ours may call {word} with {len(arguments)} arguments")

    @staticmethod
    def _term(word: str, dot: Any, names: dict[str, Any]) -> Any:
        if word.startswith('"') or word.isdigit():
            return json.loads(word)
        base, _, path = word.partition(".")
        found = dot if base == "" else names[base]
        for step in filter(None, path.split(".")):
            assert step in found, f"{word} stands in a template, and nowhere in values.yaml"
            found = found[step]
        return found


def _parse(text: str) -> list[Any]:
    """The nodes of a template: ("text", …), ("do", pipeline), (opener, what, inner nodes)."""
    root: list[Any] = []
    stack, place = [root], 0
    for match in _ACTION.finditer(text):
        before = text[place : match.start()]
        stack[-1].append(["text", before.rstrip() if match[1] else before])
        place = match.end()
        if match[3]:
            place += len(text[place:]) - len(text[place:].lstrip())
        word, _, rest = match[2].partition(" ")
        if word in _OPENERS:
            node = [word, rest, []]
            stack[-1].append(node)
            stack.append(node[2])
        elif word == "end":
            stack.pop()
        else:
            stack[-1].append(["do", match[2]])
    assert len(stack) == 1, "an if, with, range or define without its end"
    return [*root, ["text", text[place:]]]


def _indented(text: str, width: int) -> str:
    return "\n".join(" " * width + line if line else line for line in text.splitlines())


def _merged(base: Any, changes: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    return {**base, **{key: _merged(base.get(key), value) for key, value in changes.items()}}
