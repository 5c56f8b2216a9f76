"""Columns that a process keeps: never more than there is room for, and the ones that help the next question."""

import random

from spanstats.columnar.cache import Bounded


def asked(cache: Bounded[int, str], keys: range) -> int:
    """Ask for all of these, and put what is missing; how many were there."""
    cache.begin()
    hits = 0
    for key in keys:
        if cache.get(key) is None:
            cache.put(key, f"{key}", 10)
        else:
            hits += 1
    return hits


def test_a_question_that_is_larger_than_the_cache_finds_what_fits_when_it_is_asked_again() -> None:
    cache = Bounded[int, str](100)
    assert [asked(cache, range(12)) for _ in range(3)] == [0, 10, 10]


def test_what_another_question_used_goes_the_least_used_first() -> None:
    cache = Bounded[int, str](100)
    asked(cache, range(10))
    asked(cache, range(5, 8))
    assert asked(cache, range(20, 27)) == 0
    assert [key for key in range(30) if cache.get(key)] == [5, 6, 7, *range(20, 27)]


def test_without_questions_the_least_used_goes() -> None:
    cache = Bounded[int, str](30)
    for key in range(3):
        cache.put(key, "", 10)
    cache.get(0)
    cache.put(3, "", 20)
    assert [key for key in range(4) if cache.get(key) is not None] == [0, 3]


def test_what_is_larger_than_the_cache_displaces_nothing() -> None:
    cache = Bounded[int, str](30)
    cache.put(1, "", 10)
    cache.begin()
    cache.put(2, "", 31)
    assert [cache.get(key) is not None for key in (1, 2)] == [True, False]


def test_there_is_never_more_than_there_is_room_for() -> None:
    rng, cache = random.Random(1), Bounded[int, int](1_000)
    sizes: dict[int, int] = {}
    for _ in range(5_000):
        if rng.random() < 0.05:
            cache.begin()
        key = rng.randrange(60)
        if (size := cache.get(key)) is None:
            sizes[key] = rng.randrange(1, 1_200)
            cache.put(key, sizes[key], sizes[key])
        else:
            assert size == sizes[key]
        total = sum(each.size for each in cache._kept.values())
        assert cache.size == total <= 1_000
