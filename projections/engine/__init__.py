"""What keeps read models: the contract of a fold, batches, the runner, generations built beside live ones.

May import: nothing of this floor. Knows no read model. Begin with `fold` (the contract) and `runner`.
"""
