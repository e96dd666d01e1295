"""Services for those who run a ledger: workspaces and API keys, keys of the log, skipped events, short ids.

May import: `custody` and the pure wings.
Begin with `workspaces`.
"""
