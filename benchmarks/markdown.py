"""Tables for Markdown pages."""

from __future__ import annotations


def table(title: str, head: tuple[str, ...], lines: list[list[str]]) -> str:
    """A heading and a Markdown table, its columns aligned."""
    rows = [list(head), *lines]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    texts = [
        any(not cell[:1].isdigit() for cell in column[1:]) for column in zip(*rows, strict=True)
    ]
    rule = ["-" * (w - 1) + ("-" if text else ":") for w, text in zip(widths, texts, strict=True)]
    aligned = [
        [c.ljust(w) if text else c.rjust(w) for c, w, text in zip(row, widths, texts, strict=True)]
        for row in rows
    ]
    marked = ["| " + " | ".join(row) + " |" for row in (aligned[0], rule, *aligned[1:])]
    return f"## {title}\n\n" + "\n".join(marked) + "\n"
