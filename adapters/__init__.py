"""The outside world behind the domain's ports: PostgreSQL, object stores, keys and clocks."""
