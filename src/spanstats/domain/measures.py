"""Small arithmetic that both a trace and a summary rest on; whole numbers in, whole numbers out."""


def divide_half_even(numerator: int, denominator: int) -> int:
    """numerator / denominator to the nearest whole number, ties to even; both not negative."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))


def tps_thousandths(completion_tokens: int, latency_us: int | None) -> int | None:
    """Tokens per second in thousandths: completion * 1e9 / latency_us; `None` unless both are positive."""
    if not latency_us or completion_tokens <= 0:
        return None
    return divide_half_even(completion_tokens * 1_000_000_000, latency_us)
