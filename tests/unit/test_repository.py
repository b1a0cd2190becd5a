"""What holds for the files themselves, whatever the code does."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "stedi"
MOST_LINES = 300

# Put together from parts, so that this file does not hold what it looks for.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("maven", "org"),
        ("maven", "apache", "org"),
        ("crates", "io"),
        ("golang", "org"),
        ("rubygems", "org"),
        ("nuget", "org"),
        ("anaconda", "org"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
    )
]
NOT_PORTABLE = {
    "a package registry's host": re.compile("|".join(map(re.escape, REGISTRY_HOSTS))),
    "a path of one machine": re.compile(r"(?<![\w.~$}-])/(?:home|root|Users|work)(?!\w)"),
}


def tracked() -> Iterator[Path]:
    """Files git has, or would add; those not text are skipped."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes()[:8000]:
            yield path


def packages() -> list[Path]:
    return [
        path
        for path in sorted(SOURCE.iterdir())
        if path.is_dir() and path.name != "__pycache__" and any(path.rglob("*.*"))
    ]


def test_no_file_names_a_registry_or_a_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number} names {what}: {line.strip()[:80]}"
        for path in tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        for what, pattern in NOT_PORTABLE.items()
        if pattern.search(line)
    ]

    assert not found, "\n".join(found)


def test_locks_pin_exactly_and_name_no_source() -> None:
    for lock in sorted(ROOT.glob("requirements*.lock")):
        text = lock.read_text()
        requirements = re.findall(r"^[a-z0-9].*$", text, flags=re.MULTILINE)

        assert "://" not in text, f"{lock.name} names a host: regenerate it with `make lock`"
        assert not [line for line in requirements if "==" not in line], lock.name


def test_modules_are_short() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in sorted(SOURCE.rglob("*.py"))}
    too_long = {path.name: lines for path, lines in lengths.items() if lines > MOST_LINES}

    assert not too_long, f"over {MOST_LINES} lines, split them: {too_long}"


def test_zones_hold_no_logic() -> None:
    assert not list((SOURCE / "zones").rglob("*.py"))


def test_the_map_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    missing = [path.name for path in packages() if not re.search(rf"\b{path.name}/", page)]

    assert not missing, f"docs/architecture.md does not name these folders of src/stedi: {missing}"
