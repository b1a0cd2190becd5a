"""The part of a template that a mistake touches: what it changes and what that refers to.

Linters look at these parts, since thirty whole templates would take minutes. A part keeps no
DependsOn to what is outside of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Template = dict[str, Any]


def touched(right: Template, wrong: Template) -> set[str]:
    """Resources that differ, and those that a removed one referred to."""
    before, after = right["Resources"], wrong["Resources"]
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    removed = changed - set(after)
    return changed | {other for name in removed for other in _referred(before[name], before)}


def part(template: Template, names: Iterable[str]) -> Template:
    """Those resources of a template and all that they refer to."""
    resources = template["Resources"]
    found: dict[str, Any] = {}
    waiting = [name for name in names if name in resources]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = resources[name]
            waiting += _referred(resources[name], resources)
    return {"Resources": {name: _without_others(entry, found) for name, entry in found.items()}}


def _referred(entry: Any, resources: Mapping[str, Any]) -> list[str]:
    bare = {key: value for key, value in entry.items() if key != "DependsOn"}
    return [word for word in _words(bare) if word in resources]


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str):
        yield value


def _without_others(entry: Any, kept: Mapping[str, Any]) -> Any:
    waits = entry.get("DependsOn", [])
    left = [name for name in ([waits] if isinstance(waits, str) else waits) if name in kept]
    bare = {key: value for key, value in entry.items() if key != "DependsOn"}
    return {**bare, "DependsOn": left} if left else bare


def together(parts: Mapping[str, Template]) -> Template:
    """Parts of several templates as one, the names of each behind its own prefix."""
    made = {}
    for prefix, template in parts.items():
        names = {name: prefix + name for name in template["Resources"]}
        for name, entry in template["Resources"].items():
            made[names[name]] = _renamed(entry, names)
    return {"Resources": made}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value
