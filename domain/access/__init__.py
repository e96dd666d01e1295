"""Services that show something: content, history, links, proofs; each reading is on record before it is shown.

May import: `custody`, `administration` and the pure wings.
Begin with `reading` (who may see what) and `content` (the life of a download).
"""
