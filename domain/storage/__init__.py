"""The port to the bytes: what every object store promises, and what is said about objects.

May import: the foundation (errors, text, canonical JSON). Knows no event and no file.
Begin with `object_store`, the contract that every adapter keeps and `tests/contract` checks.
"""
