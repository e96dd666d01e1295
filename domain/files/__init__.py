"""A file: its state, its commands, and every decision about it.

May import: `tenants`, `eventlog`, `storage`. Pure: no port is called here.
Begin with `file_events` (the event types), `file` (the state, folded from events) and `file_decisions` (the entry
point to all decisions).
"""
