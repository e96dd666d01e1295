"""Work without a request: what is due for files, disposal, checkpoints, publishing; one process at a time leads.

May import: `services`, `verify`. Begin with `sweeper`, the threads; `completer` and `disposer` do the work.
"""
