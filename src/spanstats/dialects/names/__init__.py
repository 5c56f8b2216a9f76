"""What published instrumentations send, as data: one table for each field, read by every dialect alike.

A row names an attribute (or a path into a block of usage), who sends it and its unit. Of several names of one field the
first that carries a known value wins; they are never added together, as instrumentations send the same number under two
names. `docs/attributes.md` is made from these tables.
"""
