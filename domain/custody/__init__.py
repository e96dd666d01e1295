"""The ground of what is done for files: who calls, what the log says of it, and how a decision is recorded.

May import: every pure wing. The wings of services (`administration`, `access`, `uploads`, `removal`) stand on it.
Begin with `recorder`: load, authorise, decide, append.
"""
