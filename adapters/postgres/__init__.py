"""The event log on PostgreSQL: the port `EventLog`, the append, the schema and its migrations.

May import: the foundation of the floor. Begin with `event_store`, the port, and `writer`, the one thread that appends.
SQL stands in `sql/`: `schema.sql` is what the migrations amount to, and a test compares them.
"""
