"""A page a module: its routes, and what its template needs."""
