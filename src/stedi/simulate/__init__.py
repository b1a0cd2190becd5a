"""Feeds with a known truth: simulated customers, their gait, and the tables to expect of them.

Imports the standard library, numpy and pyarrow, and of stedi only the errors.
"""

from stedi.simulate.api import simulate
from stedi.simulate.choices import START, Choices, Progress, Simulated

__all__ = ["START", "Choices", "Progress", "Simulated", "simulate"]
