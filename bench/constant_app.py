"""A FastAPI application that answers constants: what the framework, the server and the machine leave to us."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/sync")
def constant() -> dict[str, str]:
    """Answer from a thread of the pool."""
    return {"status": "ok"}


@app.get("/async")
async def constant_on_the_loop() -> dict[str, str]:
    """Answer on the event loop."""
    return {"status": "ok"}
