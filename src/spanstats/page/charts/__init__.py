"""Charts as SVG text: pure functions of numbers. Colours and sizes of type are the stylesheet's.

Each chart has a sentence that says what it shows, for readers who do not see it. A chart with labels is drawn for two
widths, of which the stylesheet shows one, so that labels stay readable on a telephone.
"""
