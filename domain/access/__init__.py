"""Services that read: content, history, links, proofs; each read is recorded before its result is shown.

May import: `custody`, `administration` and the pure wings.
Begin with `reads` (permissions of readers) and `content` (the life of a download).
"""
