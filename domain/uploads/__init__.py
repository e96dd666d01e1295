"""Services that upload content, from the initiation to the stored object, and clean up unfinished uploads.

May import: `access`, `custody` and the pure wings.
Begin with `initiation`, then `completion`: the life of an upload, and what a crash leaves at each point.
"""
