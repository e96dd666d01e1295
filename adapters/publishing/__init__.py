"""The log as outsiders read it: written into an object store, and read from a folder, a store or a URL.

May import: the foundation of the floor. Begin with `objects`, what is written; `sources` reads it again.
"""
