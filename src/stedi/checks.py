"""All validations of a lake in one list: declared checks, the balance, the proof by lineage."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stedi.account import Line
from stedi.contract import load_tables
from stedi.contract.lineage import identifying_paths, undeclared_pii
from stedi.contract.rules import check_rules
from stedi.engines.base import Finding


@dataclass(frozen=True)
class Result:
    """The outcome of one validation; `severity` is fail or warn."""

    table: str
    name: str
    passed: bool
    severity: str
    detail: str = ""

    @property
    def without_example(self) -> Result:
        """The same without the row that its detail may give, which may hold any column."""
        return replace(self, detail=self.detail.partition(", such as ")[0])


def declared(findings: list[Finding]) -> list[Result]:
    """The checks of the table.yaml files."""
    return [Result(f.table, f.check.name, f.passed, f.check.severity, _detail(f)) for f in findings]


def _detail(finding: Finding) -> str:
    if finding.passed:
        return ""
    return f"{finding.broken:,} rows" + (f", such as {finding.example}" if finding.example else "")


def balance(lines: list[Line]) -> list[Result]:
    """Rows in = rows out + excluded, and the table holds what went out."""
    return [
        Result(
            line.table,
            "rows in = rows out + excluded",
            line.balanced,
            "fail",
            f"{line.rows_in:,} = {line.rows_out:,} + {sum(line.excluded.values()):,}"
            + ("" if line.balanced else f", but the table holds {line.stored:,}"),
        )
        for line in lines
    ]


def lineage() -> list[Result]:
    """No identifying column reaches a table that forbids them, proved from the SQL alone."""
    tables = load_tables()
    results = []
    for table in tables.values():
        if table.identifying == "never":
            paths = identifying_paths(tables, table)
            detail = "; ".join(map(str, paths))
            results.append(
                Result(
                    table.full_name, "no identifying column reaches it", not paths, "fail", detail
                )
            )
    broken = check_rules(tables)
    undeclared = undeclared_pii(tables)
    return [
        *results,
        Result("all tables", "queries keep to the rules", not broken, "fail", "; ".join(broken)),
        Result(
            "all tables",
            "personal columns are declared",
            not undeclared,
            "fail",
            "; ".join(undeclared),
        ),
    ]
