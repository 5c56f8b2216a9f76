"""Write evaluators (id, slug, name), and remember which ones this process has written: only new values are written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..domain.keys import EvaluatorKey, TenantId
from ..domain.span import Score, Span
from ..store.session import Driver
from ..store.spans import columns

_UPSERT = """
INSERT INTO evaluators AS e (tenant_id, key, id, slug, name, value_type)
SELECT u.* FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    AS u(tenant_id, key, id, slug, name, value_type)
ORDER BY u.tenant_id, u.key COLLATE "C"
ON CONFLICT (tenant_id, key) DO UPDATE SET id = coalesce(excluded.id, e.id), slug = coalesce(excluded.slug, e.slug),
    name = coalesce(excluded.name, e.name), value_type = excluded.value_type
"""

_MAX_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class WrittenEvaluators:
    """Evaluators that a transaction has written, and the generation of connections that it used."""

    scores: Mapping[EvaluatorKey, Score]
    generation: int


class Evaluators:
    """The evaluators that this process has written, so that it writes each only once.

    It forgets them when connections lead to another server, or to the same server after it failed
    (`Source.generation`), because the last commits may be lost.
    """

    def __init__(self) -> None:
        self._known: dict[EvaluatorKey, Score] = {}
        self._generation = 0

    async def upsert(self, driver: Driver, spans: Iterable[tuple[TenantId, Span]]) -> WrittenEvaluators:
        """Write evaluators of these spans' scores that are new or have new names; pass them to `keep` after the commit.

        The last rows that a write locks: no other lock is waited for while they are held.
        """
        self._forget_before(driver.generation)
        by_key = {EvaluatorKey(tenant, score.key): score for tenant, span in spans for score in span.scores or ()}
        new = {k: s for k, s in sorted(by_key.items()) if not _is_known(self._known.get(k), s)}
        if new:
            rows = [(*k, s.evaluator_id, s.slug, s.name, s.value_type) for k, s in new.items()]
            await driver.execute(_UPSERT, *columns(rows))
        return WrittenEvaluators(new, driver.generation)

    def keep(self, written: WrittenEvaluators) -> None:
        """Remember these evaluators, which are stored now."""
        if written.generation != self._generation:
            return
        if len(self._known) + len(written.scores) > _MAX_KNOWN:
            self._known.clear()
        self._known |= written.scores

    def _forget_before(self, generation: int) -> None:
        if generation > self._generation:
            self._known.clear()
            self._generation = generation


def _is_known(old_score: Score | None, score: Score) -> bool:
    """Whether the score adds nothing to the evaluator."""
    if old_score is None or old_score.value_type != score.value_type:
        return False
    pairs = ((old_score.evaluator_id, score.evaluator_id), (old_score.slug, score.slug), (old_score.name, score.name))
    return all(new is None or new == old for old, new in pairs)
