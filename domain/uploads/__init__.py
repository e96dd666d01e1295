"""Services that bring content in, from the initiation to the stored object, and clean up what did not get there.

May import: `access`, `custody` and the pure wings.
Begin with `initiating`, then `completing`: the life of an upload, and what a crash leaves at each point.
"""
