"""The traces of an arm: from columns where these hold what is asked for, else from the table."""

from functools import partial

from ..columnar.reader import Columns
from ..store.session import Transaction
from .arm_traces import ArmTraces, Plan
from .arms import ResolvedArm
from .from_columns import arm_traces, can_read, needs_of
from .from_traces import read_from_traces
from .totals import column_arm


async def read_traces(columns: Columns, tx: Transaction, arm: ResolvedArm, plan: Plan) -> ArmTraces:
    """The arm's traces in the snapshot of the transaction."""
    if not can_read(plan):
        return await read_from_traces(tx, arm, plan)
    (selection,) = await columns.select(tx, [column_arm(arm)], needs_of(plan))
    return await columns.run(partial(arm_traces, selection, plan))
