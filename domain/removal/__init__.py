"""Services that destroy: purges of content, disposal under policies, erasure of private values.

May import: `access`, `administration`, `custody` and the pure wings.
Begin with `purges`: the life of a purge, and what a crash leaves at each point.
"""
