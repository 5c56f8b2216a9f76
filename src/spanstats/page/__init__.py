"""The page for people: screens that show answers of the interface, drawn on the server.

A screen asks the interface as any client does, with the key of the person who looks, and turns the answers into HTML.
It holds no SQL and computes no statistic.
"""
