"""The fewest words to take out and to put in: E. W. Myers, An O(ND) Difference Algorithm and Its Variations, 1986.

Its work is bounded by the number of edits, for any texts; `difflib` takes half a minute for a thousand equal
words.
"""

from collections.abc import Sequence

Point = tuple[int, int]
"""How many words of the first text, and of the second one, lie behind."""


def shortest_edit(a: Sequence[str], b: Sequence[str], most: int) -> list[Point] | None:
    """The path from (0, 0) to the ends of both: steps along the first text take a word out, along the second put one
    in, along both are words that both have. `None` where more than `most` edits are needed."""
    furthest, rounds = {1: 0}, list[dict[int, int]]()
    for edits in range(min(len(a) + len(b), most) + 1):
        rounds.append(furthest.copy())
        for diagonal in range(-edits, edits + 1, 2):
            x = _same(a, b, _begin(furthest, diagonal, edits), diagonal)
            furthest[diagonal] = x
            if x >= len(a) and x - diagonal >= len(b):
                return _path_back(rounds, (len(a), len(b)))
    return None


def _begin(furthest: dict[int, int], diagonal: int, edits: int) -> int:
    """Where an edit leads from the better of the two neighbours."""
    if _is_put_in(furthest, diagonal, edits):
        return furthest[diagonal + 1]
    return furthest[diagonal - 1] + 1


def _is_put_in(furthest: dict[int, int], diagonal: int, edits: int) -> bool:
    return diagonal == -edits or (diagonal != edits and furthest[diagonal - 1] < furthest[diagonal + 1])


def _same(a: Sequence[str], b: Sequence[str], x: int, diagonal: int) -> int:
    """As far as both texts go on with the same words."""
    while x < len(a) and x - diagonal < len(b) and a[x] == b[x - diagonal]:
        x += 1
    return x


def _path_back(rounds: list[dict[int, int]], end: Point) -> list[Point]:
    """From the end, round by round, to the begin."""
    path, (x, y) = [end], end
    for edits in range(len(rounds) - 1, 0, -1):
        furthest, diagonal = rounds[edits], x - y
        before = diagonal + 1 if _is_put_in(furthest, diagonal, edits) else diagonal - 1
        x, y = furthest[before], furthest[before] - before
        edited = (x, y + 1) if before > diagonal else (x + 1, y)
        path += [edited, (x, y)]
    return [(0, 0), *path[::-1]]
