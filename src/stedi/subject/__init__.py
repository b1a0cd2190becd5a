"""One person's rights over the lake: what is held about them, as a report and as a copy."""
