"""Spans, traces and measures: pure data, pure functions.

Time is whole microseconds since 1970 (UTC), money whole picodollars.
"""
