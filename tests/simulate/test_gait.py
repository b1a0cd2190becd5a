"""The walks against the published figures they are drawn from."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from simulate.oracle import person_of
from stedi.simulate import gait, sensors, simulate, walk
from stedi.simulate.arrays import stream

Floats = NDArray[np.float64]
PEOPLE = range(24)
RATE = 50.0


def walked(person: int, seconds: float = 300.0) -> tuple[gait.Gait, walk.Walk, Floats]:
    """A person, a walk, and the phone's magnitude in m/s² at 150 Hz."""
    who, rng = gait.draw(11, person, rotated=True), stream(11, "test", person)
    path = walk.draw(who, seconds, rng)
    times = sensors.sample_times(int(seconds * RATE), RATE, 3, None)
    units = sensors.accelerations(who, path, times, RATE, rng)
    return who, path, np.linalg.norm(units.reshape(-1, 3) / sensors.UNITS_PER_METRE, axis=1)


def moving(path: walk.Walk, seconds: float = 300.0) -> NDArray[np.bool_]:
    """Whole seconds of the walk in which every step is a straight one."""
    amplitude = np.interp(np.arange(0, seconds, 0.1), path.time, path.amplitude)
    return np.asarray(amplitude.reshape(-1, 10).min(axis=1) > 0.7)


def test_the_spectrum_peaks_at_the_step_frequency() -> None:
    for person in PEOPLE:
        who, _, magnitude = walked(person)
        power = np.abs(np.fft.rfft(magnitude - magnitude.mean())) ** 2
        hertz = np.fft.rfftfreq(len(magnitude), 1 / (3 * RATE))
        smooth = np.convolve(power, np.ones(45) / 45, mode="same")
        band = (hertz > 1.2) & (hertz < 2.6)
        assert 1.4 <= who.step_frequency <= 2.3
        assert hertz[band][smooth[band].argmax()] == pytest.approx(who.step_frequency, abs=0.15)


def test_walking_and_quiet_magnitudes() -> None:
    busy, quiet, spans = [], [], []
    for person in PEOPLE:
        _, path, magnitude = walked(person)
        seconds = magnitude.reshape(-1, 150)
        steady = seconds[moving(path)].ravel()
        busy.append(steady.std())
        spans.append(np.subtract(*np.percentile(steady, [97.5, 2.5])))
        still = np.interp(np.arange(300), path.time, path.amplitude + path.roughness) == 0
        still &= np.interp(np.arange(1, 301), path.time, path.amplitude + path.roughness) == 0
        quiet.append(np.median(seconds[still].std(axis=1)))
    assert 0.8 < np.median(busy) < 1.9
    assert 3.3 < np.median(spans) < 7.9
    assert 0.03 < np.median(quiet) < 0.24


def test_stride_times_vary_by_four_percent() -> None:
    shares = []
    for person in PEOPLE:
        who, path, _ = walked(person, 900.0)
        strides = path.contact[2:] - path.contact[:-2]
        steady = strides[np.abs(strides * who.step_frequency / 2 - 1) < 0.15]
        shares.append(steady.std() / steady.mean())
    assert np.mean(shares) == pytest.approx(0.04, abs=0.008)


def test_stride_times_remember() -> None:
    """Detrended fluctuation grows with the window to the 0.83."""
    windows = np.array([8, 16, 32, 64, 128, 256])
    slopes = []
    for number in range(20):
        profile = np.cumsum(gait.fractional_noise(stream(3, "dfa", number), 4096))
        slopes.append(np.polyfit(np.log(windows), np.log(fluctuations(profile, windows)), 1)[0])
    assert np.mean(slopes) == pytest.approx(0.83, abs=0.05)


def fluctuations(profile: Floats, windows: NDArray[np.int64]) -> Floats:
    found = []
    for window in windows:
        pieces = profile[: len(profile) // window * window].reshape(-1, window).T
        at = np.arange(window)
        fits = np.polyfit(at, pieces, 1)
        found.append(np.sqrt(np.mean((pieces - (at[:, None] * fits[0] + fits[1])) ** 2)))
    return np.array(found)


def test_what_does_not_repeat_has_its_share() -> None:
    for person in PEOPLE:
        who = gait.draw(11, person, rotated=True)
        repeating = float((who.waveform.astype(float) ** 2).mean(axis=0).sum())
        total = repeating + 3 * who.residual**2
        assert np.sqrt(3 * who.residual**2 / total) == pytest.approx(who.residual_share, abs=0.01)
        assert 0.54 <= who.residual_share <= 0.82


def test_steps_are_nearly_two_in_a_hundred_samples_at_100_hertz() -> None:
    shares = [len(walked(person)[1].contact) / (300 * 100) for person in PEOPLE]
    assert 0.011 < np.mean(shares) < 0.018


def test_three_step_bouts_and_rests_occur() -> None:
    bouts = []
    for person in PEOPLE:
        contact = walked(person, 900.0)[1].contact
        gaps = np.flatnonzero(np.diff(contact) > 1.0)
        bouts += np.diff(gaps).tolist()
    assert bouts.count(3) > len(bouts) / 10


def test_the_trainer_dips_between_contacts(tmp_path: Path) -> None:
    who, rng = gait.draw(11, 0, rotated=True), stream(11, "trainer")
    path = walk.draw(who, 300.0, rng)
    middle = (path.contact[1:] + path.contact[:-1])[np.diff(path.contact) < 0.8] / 2
    dips = sensors.distances(who, path, middle, rng)
    contacts = sensors.distances(who, path, path.contact, rng)
    assert dips.min() >= 200
    assert contacts.max() <= 300
    assert contacts.mean() - dips.mean() > 20


def test_upright_phones_feel_gravity_on_y(tmp_path: Path) -> None:
    upright = gait.draw(11, 0, rotated=False)
    assert upright.gravity.tolist() == pytest.approx([0, 9.81, 0], abs=1e-5)
    rotated = gait.draw(11, 0, rotated=True)
    assert np.linalg.norm(rotated.gravity) == pytest.approx(9.81, abs=1e-5)
    assert upright.step_frequency == rotated.step_frequency


def test_true_steps_lie_within_their_recordings(tmp_path: Path) -> None:
    simulated = simulate(tmp_path / "out", people=3, minutes=2, days=1)
    steps = pq.read_table(simulated.truth / "steps.parquet").to_pylist()
    rows = pq.read_table(simulated.truth / "expected" / "any" / "accelerometer_trusted.parquet")
    times: dict[str, set[datetime]] = {}
    for row in rows.select(["user", "timestamp"]).to_pylist():
        times.setdefault(person_of(row["user"]), set()).add(row["timestamp"])
    assert simulated.steps == len(steps) > 100
    for person, seen in times.items():
        found = [step["time"] for step in steps if step["person"] == person]
        assert min(seen) <= min(found)
        assert max(found) <= max(seen)
