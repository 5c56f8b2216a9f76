"""The served description, tried out by schemathesis with all of its checks, on data that it allows and that it forbids.

Every route is sent its own examples, boundaries of its schemas, wrong methods, missing and wrong keys, and chains of
requests such as reading what was deleted. What is left out, and why, stands in `schemathesis.toml`.

`make fuzz` runs this at length, with every boundary (`fewer_cases.py`) and with random data; SPANSTATS_FUZZ_EXAMPLES is
the number of random requests for each operation.
"""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import httpx

from tests.examples import FUZZED, examples
from tests.faults.leaks import KEY, assert_nothing_leaked
from tests.services import Start, environment, start

__all__ = ["environment", "start"]

EXAMPLES = str(examples(1))
SEED = str(random.randrange(2**32) if FUZZED else 1)
SCHEMATHESIS = (sys.executable, "-m", "schemathesis.cli")
CONFIG = Path(__file__).with_name("schemathesis.toml")
FEWER_CASES = {"SCHEMATHESIS_HOOKS": str(Path(__file__).with_name("fewer_cases.py"))}
PHASES = ("examples", "coverage", "stateful", *(["fuzzing"] if FUZZED else []))


def test_what_is_described_is_taken_refused_and_answered_so(start: Start, database_url: str, tmp_path: Path) -> None:
    service = start(SPANSTATS_DATABASE_URL=database_url, SPANSTATS_API_KEY=KEY)
    service.wait_for("/readyz", 200)
    served = f"http://127.0.0.1:{service.port}/openapi.json"
    options = ["--max-examples", EXAMPLES, "--seed", SEED, "--phases", ",".join(PHASES)]
    done = subprocess.run(
        [*SCHEMATHESIS, "--no-color", "--config-file", str(CONFIG), "run", served, *options],
        cwd=tmp_path,
        # Every request looks at all variables, for a proxy.
        env={"PATH": os.environ["PATH"], "SPANSTATS_KEY": KEY} | ({} if FUZZED else FEWER_CASES),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-50_000:] + done.stderr
    operations = sum(len(methods) for methods in httpx.get(served).json()["paths"].values())
    assert re.search(rf"Tested: +{operations}\n", done.stdout), done.stdout
    assert all(re.search(rf"✅ +{phase}", done.stdout, re.IGNORECASE) for phase in PHASES), done.stdout
    assert_nothing_leaked(service.err)
    assert " error " not in service.err, service.err
