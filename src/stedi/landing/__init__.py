"""From delivered files to landing tables and quarantine, nothing lost, nothing twice."""
