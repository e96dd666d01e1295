"""The calls to object stores, for operators: counted in batches, folded from nothing.

May import: `engine`. Begin with `store_calls`.
"""
