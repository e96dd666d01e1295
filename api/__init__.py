"""The ways in: settings, composition root, HTTP and CLI. Nothing on this floor decides anything."""
