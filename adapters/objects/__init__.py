"""What every object store needs: digests while bytes flow, and calls that are watched.

May import: the foundation of the floor. Begin with `digests`; `observed_store` wraps a store.
"""
