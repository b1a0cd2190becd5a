"""What a run costs on a lake that exists: `python -m benchmarks.costs`."""
