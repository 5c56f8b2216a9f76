"""Whether items of an arm have several traces, without a look at all of them."""

from sqlalchemy import ARRAY, LargeBinary, Select, any_, func, select, union_all

from ..domain.keys import ExperimentKey
from ..domain.window import Window
from ..store.session import Transaction
from ..store.tables import traces
from .arms import ResolvedArm
from .pairing import NO_DIGEST, of_experiment

_LOOKED_AT = 500
"""Traces. Keys are digests, so the first ones in their order are items at random, with all of their traces."""


# In the order of the keys, traces of one item are neighbours.
_IN_WHOLE = """
SELECT count(*) > count(DISTINCT item_key) FROM (
    SELECT item_key FROM traces
    WHERE experiment_key + 0 = $1 AND experiment_key = $1 AND item_key > '' ORDER BY item_key LIMIT $2
) first_ones
"""


async def has_repeats(tx: Transaction, arm: ResolvedArm) -> bool:
    """Whether one of some items, taken at random, has several traces in the arm."""
    if arm.is_whole and arm.definition.window == Window():
        return bool(await tx.driver.fetchval(_IN_WHOLE, arm.key, _LOOKED_AT))
    return await _in_disjunct(tx, arm)


def first_keys(experiment_key: ExperimentKey) -> Select[tuple[bytes | None]]:
    """The keys of its first traces in the order of keys. Traces without a key, which may be millions, are not read."""
    key = traces.c.item_key
    return select(key).where(of_experiment(experiment_key), key > NO_DIGEST).order_by(key).limit(_LOOKED_AT)


async def _in_disjunct(tx: Transaction, arm: ResolvedArm) -> bool:
    """Traces of the same items that the arm does not have are left out before they are counted."""
    key, of_this, first = traces.c.item_key, of_experiment(arm.key), first_keys(arm.key)
    # As an array they are read once, with any plan.
    is_one = key == any_(func.array(first.scalar_subquery(), type_=ARRAY(LargeBinary())))
    of_disjuncts = [select(key).where(disjunct, of_this, is_one).limit(_LOOKED_AT) for disjunct in arm.disjuncts]
    of_arm = union_all(*(select(disjunct.subquery()) for disjunct in of_disjuncts)).subquery("of_arm")
    counted = select(func.count().label("n")).select_from(of_arm).group_by(of_arm.c.item_key).subquery("counted")
    return (await tx.connection.scalar(select(func.max(counted.c.n))) or 0) > 1
