"""Upkeep of a lake: small files put together, old versions and what nobody names removed."""

from stedi.maintain.upkeep import TableUpkeep, Upkeep, expire_all, maintain, plan
from stedi.maintain.visits import due

__all__ = ["TableUpkeep", "Upkeep", "due", "expire_all", "maintain", "plan"]
