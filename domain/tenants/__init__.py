"""Workspaces, actors and API keys: their states, the decisions that change them, and the policies of a workspace.

May import: `eventlog` and `storage`. Pure: decisions take a state and a command and return facts.
Begin with `workspace` and `credential`; `second_person` is the one rule of every decision that requires two persons.
"""
