"""The HTTP API: routes by noun, problems, authentication, streaming. Decides nothing."""
