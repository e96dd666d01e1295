"""The audit trail: one row per event, for officers' questions.

May import: `engine` and `files`. Begin with `filters`: each filter is defined once; `query` answers the questions.
"""
