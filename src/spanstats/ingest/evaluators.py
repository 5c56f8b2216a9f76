"""Which ids, slugs and names an evaluator goes by: a small table, written only when something new is said."""

from collections.abc import Iterable

from ..domain.keys import TenantId
from ..domain.span import Score, Span
from ..store.session import Driver
from ..store.spans import columns

_REMEMBER = """
INSERT INTO evaluators AS e (tenant_id, key, id, slug, name, value_type)
SELECT u.* FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    AS u(tenant_id, key, id, slug, name, value_type)
ORDER BY u.tenant_id, u.key COLLATE "C"
ON CONFLICT (tenant_id, key) DO UPDATE SET id = coalesce(excluded.id, e.id), slug = coalesce(excluded.slug, e.slug),
    name = coalesce(excluded.name, e.name), value_type = excluded.value_type
"""

_MAX_KNOWN = 10_000


class Evaluators:
    """Remembers what this process has written, so that a known evaluator costs nothing."""

    def __init__(self) -> None:
        self._known: dict[tuple[TenantId, str], Score] = {}

    async def remember(
        self, driver: Driver, spans: Iterable[tuple[TenantId, Span]]
    ) -> dict[tuple[TenantId, str], Score]:
        """Write what these spans' scores say of evaluators beyond what is known; pass it to `learn` after the commit.

        The last rows that a write locks: no other lock is waited for while they are held.
        """
        said = {(tenant, score.key): score for tenant, span in spans for score in span.scores or ()}
        news = {k: s for k, s in sorted(said.items()) if not _same(self._known.get(k), s)}
        if news:
            rows = [(*k, s.evaluator_id, s.slug, s.name, s.value_type) for k, s in news.items()]
            await driver.execute(_REMEMBER, *columns(rows))
        return news

    def learn(self, news: dict[tuple[TenantId, str], Score]) -> None:
        """These stand in the database now."""
        if len(self._known) + len(news) > _MAX_KNOWN:
            self._known.clear()
        self._known |= news


def _same(known: Score | None, said: Score) -> bool:
    """Nothing that was said adds to what is known."""
    if known is None or known.value_type != said.value_type:
        return False
    pairs = ((known.evaluator_id, said.evaluator_id), (known.slug, said.slug), (known.name, said.name))
    return all(new is None or new == old for old, new in pairs)
