"""SELECTs that Amazon Athena runs over the tables of a lake whose catalog is Glue's.

Athena reads the tables through Glue and S3 with the caller's rights; of the lake nothing is
opened here but its policy. Needs boto3, which is loaded when a query is asked.
"""

from stedi.athena.names import databases, in_databases
from stedi.athena.query import USD_PER_TB, WORKGROUP, Answer, ask
from stedi.athena.troubles import WORKGROUP_VARIABLE

__all__ = [
    "USD_PER_TB",
    "WORKGROUP",
    "WORKGROUP_VARIABLE",
    "Answer",
    "ask",
    "databases",
    "in_databases",
]
