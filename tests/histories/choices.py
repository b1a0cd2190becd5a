"""Random histories: what hypothesis draws, and how often."""

from __future__ import annotations

from hypothesis import strategies as st

from histories.lines import (
    DEVICES,
    INSTANTS,
    PEOPLE,
    SPELLINGS,
    Customer,
    Line,
    Malformed,
    Reading,
    Step,
)
from histories.steps import Again, Deliver, Event, Forget, Maintain, Plot, Replace, Run, Vanish

FILES = 8
TICKS = 24  # a run that lands and refreshes everything makes about twelve commits
ERASING = 48  # a forgetting makes about twenty-two, two ticks each

files = st.integers(0, FILES)
people = st.sampled_from(range(len(PEOPLE)))
instants = st.sampled_from(range(len(INSTANTS)))
spelled = st.sampled_from([0, 0, *range(len(SPELLINGS))])
distances = st.sampled_from([250, 250, 250, 290])
malformed = st.builds(
    Malformed,
    st.sampled_from(["customer", "accelerometer", "step_trainer"]),
    st.sampled_from(["not JSON", "{}", '{"user": "ada@test.com"}']),
)


@st.composite
def customers(draw: st.DrawFn, now: int) -> Customer:
    """A record, mostly the latest and of the person's own device; `now` counts the steps."""
    who = draw(people)
    return Customer(
        who,
        device=draw(st.sampled_from([who] * 5 + [*range(len(DEVICES))])),
        updated=draw(st.sampled_from([now] * 5 + [*range(now)])),
        since=draw(st.sampled_from([0, 0, None, None, None, *range(1, len(INSTANTS) + 1)])),
        spelled=draw(spelled),
        phone=draw(st.sampled_from("112")),
        public=draw(st.booleans()),
    )


readings = st.builds(
    Reading,
    st.sampled_from([*range(len(PEOPLE)), None]),
    instants,
    st.sampled_from([1.0, 1.0, 2.5]),
    spelled,
    st.sampled_from([None, None, None, None, None, 7, "seven"]),
)
steps_taken = st.builds(Step, st.sampled_from([*range(len(DEVICES)), None]), instants, distances)


@st.composite
def meetings(draw: st.DrawFn) -> list[Line]:
    """A person and the own device at one instant, or only one of the two as yet."""
    who, at = draw(people), draw(instants)
    pair = [Reading(who, at, spelled=draw(spelled)), Step(who, at, draw(distances))]
    return pair[draw(st.sampled_from([slice(0, 2), slice(0, 2), slice(0, 1), slice(1, 2)]))]


def lines(now: int, least: int = 2) -> st.SearchStrategy[tuple[Line, ...]]:
    """Lines of all feeds, mostly records of customers and readings that can meet."""
    alone = st.one_of(readings, steps_taken, malformed).map(lambda line: [line])
    one = customers(now).map(lambda line: [line])
    return _flat(
        st.lists(st.one_of(meetings(), meetings(), one, alone), min_size=least, max_size=6)
    )


def _flat(groups: st.SearchStrategy[list[list[Line]]]) -> st.SearchStrategy[tuple[Line, ...]]:
    return groups.map(lambda found: tuple(line for group in found for line in group))


def deliveries(now: int) -> st.SearchStrategy[Event]:
    return st.builds(Deliver, lines(now))


def records(now: int) -> st.SearchStrategy[Event]:
    """Customers alone: nothing but their news touches the readings."""
    return st.builds(Deliver, st.lists(customers(now), min_size=1, max_size=3).map(tuple))


def partners(now: int) -> st.SearchStrategy[Event]:
    """Readings alone, of one device or the other."""
    return st.builds(Deliver, _flat(st.lists(meetings(), min_size=1, max_size=3)))


def repeats(now: int) -> st.SearchStrategy[Event]:
    return st.builds(Again, files, st.just(()) | lines(now))


def replacements(now: int) -> st.SearchStrategy[Event]:
    without = st.frozensets(st.integers(0, 5), min_size=1, max_size=4)
    return st.builds(Replace, files, without, lines(now, least=0))


def vanishings(now: int) -> st.SearchStrategy[Event]:
    return st.builds(Vanish, files)


def upkeep(now: int) -> st.SearchStrategy[Event]:
    return st.builds(Maintain, st.sampled_from([50, 1, 2]), st.sampled_from([None, *range(10)]))


def forgettings(now: int) -> st.SearchStrategy[Event]:
    whom = st.lists(st.sampled_from([*range(len(PEOPLE)), None]), min_size=1, max_size=2)
    return st.builds(Forget, whom.map(tuple), st.sampled_from([None, None, *range(ERASING)]))


# How often each kind of news comes, among the sum; and how often which run follows it.
NEWS = {deliveries: 3, records: 4, partners: 3, repeats: 1, replacements: 2, vanishings: 1}
NEWS |= {upkeep: 1, forgettings: 1}
RUNS = [*[Run()] * 6, Run("since"), Run("any"), Run(full=True)]

killed_runs = st.builds(
    Run, st.sampled_from([None, None, None, "since", "any"]), st.sampled_from(range(TICKS))
)
runs = st.one_of(st.sampled_from(RUNS), st.sampled_from(RUNS), killed_runs)


@st.composite
def chapters(draw: st.DrawFn, now: int) -> list[Event]:
    """Some news, and a run."""
    kinds = st.sampled_from([kind for kind, often in NEWS.items() for _ in range(often)])
    chosen = draw(st.lists(kinds, min_size=1, max_size=3))
    return [*(draw(kind(now)) for kind in chosen), draw(runs)]


@st.composite
def plots(draw: st.DrawFn) -> Plot:
    """Two people who consent, one who does not, half of their readings alone; then chapters."""
    begun = [Customer(0, 0, 0, 0), Customer(1, 1, 0, 0), Customer(2, 2, 0, None)]
    met = [Reading(who, (who + at) % 8) for who in range(4) for at in (0, 2, 3, 5)]
    stepped = [Step(who, (who + at) % 8) for who in range(4) for at in (0, 1, 2, 4)]
    first = Deliver((*begun, *met, *stepped, *draw(lines(1, least=0))))
    count = draw(st.integers(2, 4))
    then = [step for now in range(2, 2 + count) for step in draw(chapters(now))]
    policy = draw(st.sampled_from(["since", "any"]))
    return Plot(policy, (first, draw(runs), *then), wide=draw(st.sampled_from([2, 2, 2, 0.5])))
