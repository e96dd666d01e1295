"""Erasure of private values: what it reaches, and the request that two persons decide.

May import: `files`, `tenants`, `eventlog`. Pure.
Begin with `erasure_request`; what carries an erasure out is `removal.erasing`.
"""
