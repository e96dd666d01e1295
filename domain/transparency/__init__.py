"""The transparency log as mathematics: Merkle tree, tiles, signed notes, checkpoints (RFC 6962, C2SP).

May import: the foundation. Knows no event: leaves are hashes.
Begin with `merkle`; `signing` has the life of a checkpoint and what a crash leaves at each point.
"""
