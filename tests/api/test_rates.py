"""A bucket of tokens for each tenant."""

import pytest

from spanstats.api.rates import Rates
from spanstats.domain.keys import TenantId
from spanstats.errors import TooMany


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(rates: Rates, tenant_id: int, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            rates.take(TenantId(tenant_id))
            count += 1
        except TooMany:
            pass
    return count


def test_a_bucket_holds_one_second_and_fills_at_the_rate() -> None:
    clock = Clock()
    rates = Rates(10, clock)
    assert taken(rates, 1, 50) == 10
    clock.now += 0.5
    assert taken(rates, 1, 50) == 5
    clock.now += 100
    assert taken(rates, 1, 50) == 10


def test_tenants_do_not_share() -> None:
    rates = Rates(2, Clock())
    assert [taken(rates, tenant, 9) for tenant in (1, 2)] == [2, 2]


def test_the_wait_that_is_told_is_long_enough() -> None:
    clock = Clock()
    rates = Rates(0.1, clock)
    rates.take(TenantId(1))
    with pytest.raises(TooMany) as caught:
        rates.take(TenantId(1))
    assert caught.value.retry_after_s == 10
    clock.now += caught.value.retry_after_s
    rates.take(TenantId(1))


def test_without_a_rate_nobody_is_held_back() -> None:
    assert taken(Rates(), 1, 1000) == 1000
