"""What operators do on a data directory or database itself, without a server.

May import: `wiring` and everything below. Begin with `verification`: everything there is to verify.
"""
