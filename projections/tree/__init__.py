"""The Merkle tree over the log: tiles integrated, checkpoints on record, and what proofs are made of.

May import: `engine`. Begin with `integrator`.
"""
