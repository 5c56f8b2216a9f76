"""A gate for pipelines: ask a server whether a run is worse than another, and say so in an exit code."""
