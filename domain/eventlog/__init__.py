"""The log of events: the envelope and its exact bytes, the registry of types, the port to the log, and recording.

May import: the foundation and `transparency`. Knows no file and no workspace.
Begin with `envelope` (what an event is), then `event_log` (the port) and `recording` (how a command becomes events).
"""
