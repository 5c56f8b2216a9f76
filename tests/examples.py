"""How many examples a property is tried with: few in `make test`, many in `make fuzz`."""

import os

FUZZED = "SPANSTATS_FUZZ_EXAMPLES" in os.environ
USUAL = 50


def examples(usual: int = USUAL) -> int:
    """The number that SPANSTATS_FUZZ_EXAMPLES says, where it says one and it is larger."""
    return max(usual, int(os.environ.get("SPANSTATS_FUZZ_EXAMPLES", "0")))
