"""Problems of what happens below: which error a caller is told of, and what of it."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from provenstore.adapters.postgres.database import ConnectionLost
from provenstore.api.http.problems import add_problem_handlers
from tests.api.conftest import MovableClock, serving


@pytest.fixture(scope="module")
def losing() -> Iterator[httpx.Client]:
    """An API whose database dies within every request."""
    app = FastAPI()
    add_problem_handlers(app, lambda _: None)

    @app.api_route("/", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    def lose() -> None:
        raise ConnectionLost

    with serving(app, MovableClock()) as api, httpx.Client(base_url=api.url, timeout=30) as client:
        yield client


def test_reading_while_the_database_dies(losing: httpx.Client) -> None:
    """Whether something was carried out is no question where nothing was to be: the same request may simply follow."""
    answer = losing.get("/")
    assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable")
    assert "unknown" not in answer.text
    assert answer.headers["Retry-After"]
    assert losing.head("/").status_code == 503


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_changing_while_the_database_dies(losing: httpx.Client, method: str) -> None:
    """What may have been carried out is said to be unknown."""
    answer = losing.request(method, "/")
    assert (answer.status_code, answer.json()["code"]) == (503, "connection-lost")
    assert "unknown" in answer.json()["detail"]
