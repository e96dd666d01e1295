"""What our figures stand beside, at its defaults: `cp`, and plain Starlette streaming to and from a file.

python -m bench.peers PORT FOLDER    serves the Starlette peer
"""

import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route


def app(folder: Path) -> Starlette:
    """Return an application that writes a body to a file and gives it back; no digest, no fsync, no record."""

    async def put(request: Request) -> Response:
        with (folder / "peer").open("wb") as target:  # what a plain application does
            async for chunk in request.stream():
                target.write(chunk)
        return Response(status_code=201)

    async def get(_: Request) -> FileResponse:
        return FileResponse(folder / "peer")

    return Starlette(routes=[Route("/peer", put, methods=["PUT"]), Route("/peer", get, methods=["GET"])])


if __name__ == "__main__":
    uvicorn.run(app(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
