"""python -m stedi: the command line."""

from stedi.cli import main

main()
