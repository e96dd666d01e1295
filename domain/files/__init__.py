"""A file: its state, what may be asked of it, and every decision about it.

May import: `tenants`, `eventlog`, `storage`. Pure: no port is called here.
Begin with `file_events` (what can happen), `file` (the state, folded from it) and `file_decisions` (the one door to
the decisions).
"""
