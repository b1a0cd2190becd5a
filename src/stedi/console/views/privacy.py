"""To be written."""

ROUTES: tuple[()] = ()
