"""What a lake on AWS costs a month, as arithmetic: docs/aws.md shows it.

Prices are AWS's for us-east-1 in USD as its price list had them when this was written, without
free tiers and taxes: look them up before you rely on them. What a reading takes was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

DAYS = 30.4  # in a month
STORED_DAYS = 365  # the month that is counted is the one after a year

DPU_HOUR = 0.44
GB_MONTH = 0.023  # S3 Standard
PUTS = 0.005 / 1000
GETS = 0.0004 / 1000
KEYS = 3 * 1.00
SECRETS = 2 * 0.40
ATHENA_TB = 5.00
LOG_GB = 0.50
BATCH_MINUTES = 15  # of deploy/settings.toml


JOBS = 7  # of a round, upkeep among them
JOB_MINUTES = 2  # to start and to find out what there is, of each worker; an assumption
CORES = 4  # of a DPU
CORE_SECONDS = 22.5e-6  # of a reading through all tables: 62 s on 2 cores for 5.5 million
SLOWER = 2  # a cluster moves rows between machines, which was not measured; an assumption
DELIVERED = 99  # bytes of a reading, JSON as it is simulated, not packed
HELD = 31 * 2  # bytes of a reading in all tables, and as much again in older versions
ROUND_PUTS, ROUND_GETS = 100, 1000  # of one round; measured 50 and 420 for a run of all jobs
RANGE = 1e6  # bytes that one request reads; every byte is read twice


@dataclass(frozen=True)
class Size:
    """A lake by its readings a day (both devices), rounds a day, workers, TB that Athena reads."""

    name: str
    readings: float
    rounds: int
    workers: int
    scanned: float


SIZES = (
    Size("a trial", 1e5, 1, 2, 0.01),
    Size("a product", 1e7, 4, 2, 1),
    Size("a large one", 5e8, 4, 10, 10),
)


def costs(size: Size) -> dict[str, tuple[str, float]]:
    """What is paid for: how it is reckoned, and USD a month."""
    idle = JOBS * JOB_MINUTES / 60 * size.workers * size.rounds
    work = size.readings * CORE_SECONDS * SLOWER / CORES / 3600
    stored = size.readings * STORED_DAYS * (DELIVERED + HELD) / 1e9
    puts, gets = (size.rounds * DAYS * each for each in (ROUND_PUTS, ROUND_GETS))
    gets += size.readings * DAYS * (DELIVERED + HELD) * 2 / RANGE
    glue = f"({idle:.2f} + {work:.3f}) DPU-hours a day × {DAYS} × {DPU_HOUR}"
    return {
        "Glue jobs": (glue, (idle + work) * DAYS * DPU_HOUR),
        "S3 storage": (f"{stored:,.1f} GB × {GB_MONTH}", stored * GB_MONTH),
        "S3 requests": (
            f"{puts:,.0f} writes × 0.005/1000 + {gets:,.0f} reads × 0.0004/1000",
            puts * PUTS + gets * GETS,
        ),
        "Athena": (f"{size.scanned:g} TB × {ATHENA_TB:g}", size.scanned * ATHENA_TB),
        "keys and secrets": ("3 × 1.00 + 2 × 0.40", KEYS + SECRETS),
    }


def idle_round(workers: int = 2) -> float:
    """USD of a round that finds next to nothing: its workers start, look and end."""
    return JOBS * JOB_MINUTES / 60 * workers * DPU_HOUR


def rounds() -> str:
    """What a round costs, and what it comes to if files keep arriving, in words."""
    one, most = idle_round(), 24 * 60 // BATCH_MINUTES
    return (
        f"A round with 2 workers is {JOBS} jobs × {JOB_MINUTES} min × 2 × {DPU_HOUR} a DPU-hour = "
        f"**{one:.3f}**, however little there is to do. Files that keep arriving start one every "
        f"{BATCH_MINUTES} minutes, up to {most} a day: {most} × {DAYS} × {one:.3f} = "
        f"about **{round(most * DAYS * one, -1):,.0f}** a month. With "
        "`on_arrival = false` the schedule alone starts rounds, as many as the table counts."
    )


def table() -> str:
    """All sizes as a table in Markdown, each figure with its arithmetic."""
    found = {size: costs(size) for size in SIZES}
    head = [f"{s.name}: {s.readings:,.0f} readings a day" for s in SIZES]
    lines = ["|  | " + " | ".join(head) + " |", "|---" * (len(SIZES) + 1) + "|"]
    for what in found[SIZES[0]]:
        cells = (f"{how} = **{usd:,.2f}**" for how, usd in (found[s][what] for s in SIZES))
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    sums = (f"**{sum(usd for _, usd in found[s].values()):,.2f}**" for s in SIZES)
    return "\n".join([*lines, "| a month, USD | " + " | ".join(sums) + " |"])
