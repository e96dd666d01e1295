"""Erasure of private values: its scope, and the request that two persons decide.

May import: `files`, `tenants`, `eventlog`. Pure.
Begin with `erasure_request`; `removal.erasures` carries an erasure out.
"""
