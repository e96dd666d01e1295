"""Checks that need no ledger: receipts, proofs and exported logs, by the keys that somebody believes.

May import: `settings`. Begin with `offline_verifier`, one file that shares no code with the rest on purpose.
"""
