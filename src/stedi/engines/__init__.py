"""Where the work is done: one small port, one engine behind it for each way to compute."""
