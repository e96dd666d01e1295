"""The file index: one row per file, its lists, and what is due for which file.

May import: `engine`. Begin with `row` (a file as readers see it), `fold` (how events become it), `query` and `jobs`.
"""
