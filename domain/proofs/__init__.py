"""Documents that outsiders check, and the checks of a whole log against itself.

May import: everything below that is pure. Reads what is handed in; calls no port but readers of the log.
Begin with `receipt`; `verification` has the numbered steps of `provenstore verify`.
"""
