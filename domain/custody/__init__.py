"""The base of all commands on files: authentication, the command pipeline, and how events are described.

May import: every pure wing. The wings of services (`administration`, `access`, `uploads`, `removal`) use it.
Begin with `recorder`: load, authorise, decide, append.
"""
