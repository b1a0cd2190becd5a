"""The lake on AWS: stacks derived from what `stedi.zones` declares, and two commands."""
