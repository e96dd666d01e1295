"""The routes by noun. Each reads a request, calls one method of the ledger, and answers."""
