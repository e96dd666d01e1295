"""What every object store needs: digests while bytes flow, URLs of our own, and calls that are watched.

May import: `keys`, `durable`. Begin with `digests`; `observed_store` wraps a store.
"""
