"""A PostgreSQL server inside the data directory, shared by every process that uses the directory.

May import: `durable`. Begin with `server`: who starts it, who stops it, and what a crash leaves.
"""
