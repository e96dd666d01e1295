"""The HTTP API: routes by noun, problems, authentication, streaming. Decides nothing.

May import: `acts`, `contract`, `wiring` and below. Begin with `app`, then a route of `routes`.
"""
