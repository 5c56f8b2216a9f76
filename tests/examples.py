"""How many examples a property is tried with: few in `make test`, many in `make fuzz`.

On a second version of PostgreSQL, a quarter: that shows that it takes each form of statement and answers the same.
"""

import os

FUZZED = "SPANSTATS_FUZZ_EXAMPLES" in os.environ
AGAIN = "SPANSTATS_TEST_AGAIN"
USUAL = 50


def examples(usual: int = USUAL) -> int:
    """The number that SPANSTATS_FUZZ_EXAMPLES says, where it says one and it is larger."""
    usual = max(usual // 4, 1) if AGAIN in os.environ else usual
    return max(usual, int(os.environ.get("SPANSTATS_FUZZ_EXAMPLES", "0")))
