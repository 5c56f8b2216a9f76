"""`python -m spanstats` is the command line."""

from .cli import main

main()
