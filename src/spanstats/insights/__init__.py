"""What a run says: any measure and aggregate of it, its percentiles, distributions, breakdowns and series.

Every answer is of one snapshot. What rollups hold is read from them; everything else is computed over arrays.
"""
