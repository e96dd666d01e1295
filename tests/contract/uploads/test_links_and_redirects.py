"""What a use of a link gives: a redirect to one version for a minute where the store can, the stream elsewhere."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from custody import ADMIN, CONTENT, SERVICE, Custody
from provenstore.domain.access.links import LinkWish
from provenstore.domain.errors import ContentDamaged, Gone
from provenstore.domain.eventlog.caller import Caller
from provenstore.domain.files import file_events as fe
from provenstore.domain.files.file import File
from provenstore.domain.storage.objects import SignedUrl
from provenstore.domain.tenants import workspace as ws
from provenstore.domain.tenants.workspace_events import Limits


def _linked(custody: Custody, file: File, wish: LinkWish | None = None) -> tuple[Caller, fe.LinkIssued]:
    """Issue a link with a key of its own, and come back by it."""
    issued = custody.ledger.issue_key(ADMIN, actor="svc-books", kind="service", roles=("service",), scope="acme")
    link = custody.ledger.issue_link(custody.ledger.authenticate(issued.key), file.id, wish)
    return custody.ledger.authenticate_link(file.id, UUID(link.id))


def _used(custody: Custody, file: File, wish: LinkWish | None = None) -> SignedUrl:
    """Return the URL to which a use of a new link redirects; the store must have URLs of its own."""
    if not custody.store.capabilities().direct:
        pytest.skip("this store has no URLs of its own")
    user, link = _linked(custody, file, wish)
    assert custody.ledger.redirects(link)
    return custody.ledger.redirect(user, file.id, link.disposition, link.expires_at)


def test_a_link_leads_to_us_on_every_store(custody: Custody) -> None:
    """link-observed: and delivers as the store can."""
    file = custody.stored()
    link = custody.ledger.issue_link(SERVICE, file.id)
    assert link.url.url.startswith("/v1/signed/")
    assert (link.observed, link.delivery) == (True, "redirect" if custody.store.capabilities().direct else "stream")


def test_what_a_redirect_leads_to(custody: Custody, outsider: httpx.Client) -> None:
    """redirect-after-event, redirect-short: the content, under its name and type, kept by nobody, for a minute."""
    file = custody.stored()
    url = _used(custody, file, LinkWish(disposition="inline"))
    assert timedelta() < url.expires_at - datetime.now(UTC) <= timedelta(seconds=60)
    (used,) = [event for event in custody.events(file.id) if isinstance(event.data, fe.Accessed)]
    assert isinstance(used.data, fe.Accessed)
    assert (used.data.mode, used.data.size, used.data.link) == ("redirect", len(CONTENT), str(used.cause))
    answer = outsider.get(url.url)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'inline; filename="chapter one.pdf"'
    assert answer.headers["Cache-Control"] == "no-store"
    part = outsider.get(url.url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, CONTENT[2:5])


def test_a_redirect_is_pinned_to_the_version(custody: Custody, outsider: httpx.Client) -> None:
    """redirect-short: what is laid over it later is not what was permitted."""
    file = custody.stored()
    url = _used(custody, file)
    if not custody.store.capabilities().versioning:
        pytest.skip("this store keeps no versions")
    custody.store.put(file.path, [b"another"], media_type="application/pdf", max_size=10, if_absent=False)
    assert outsider.get(url.url).content == CONTENT


def test_a_redirect_url_is_for_reading_that_object_alone(
    custody: Custody, outsider: httpx.Client, request: pytest.FixtureRequest
) -> None:
    """Neither another key, nor another header of the answer, nor a write."""
    if request.node.callspec.params["store"] == "moto":
        pytest.skip("takes whatever comes under a signed URL")
    file, other = custody.stored(), custody.stored()
    url = _used(custody, file)
    for altered in (
        url.url.replace(file.path, other.path),
        url.url.replace("response-cache-control=no-store", "response-cache-control=public"),
        url.url.replace("application%2Fpdf", "text%2Fhtml"),
    ):
        assert altered != url.url
        assert outsider.get(altered).status_code == 403
    assert outsider.put(url.url, content=b"x").status_code == 403


@pytest.mark.parametrize("harm", ["missing", "altered"])
def test_damage_is_found_before_a_redirect(custody: Custody, harm: str) -> None:
    """found-by-reading: recorded, refused, and no access is on record."""
    file = custody.stored()
    if not custody.store.capabilities().direct:
        pytest.skip("this store has no URLs of its own")
    user, link = _linked(custody, file)
    for version in custody.store.versions(file.path):
        custody.store.delete(file.path, version=version.version_id)
    if harm == "altered":
        custody.store.put(file.path, [b"something else"], media_type="application/pdf", max_size=20)
    for _ in range(2):
        with pytest.raises(ContentDamaged):
            custody.ledger.redirect(user, file.id, link.disposition, link.expires_at)
    assert "accessed" not in custody.types(file.id)
    with pytest.raises(ContentDamaged):
        custody.ledger.issue_link(SERVICE, file.id)


def test_a_redirect_ends_with_its_link(custody: Custody) -> None:
    """link-ends-for-good: by a deletion in another process, also where this one remembers the file as stored."""
    file = custody.stored()
    if not custody.store.capabilities().direct:
        pytest.skip("this store has no URLs of its own")
    user, link = _linked(custody, file)
    custody.ledger.redirect(user, file.id, link.disposition, link.expires_at)
    custody.another_process().soft_delete(SERVICE, file.id)
    with pytest.raises(Gone):
        custody.ledger.redirect(user, file.id, link.disposition, link.expires_at)
    custody.another_process().restore(SERVICE, file.id)
    with pytest.raises(Gone):
        custody.ledger.redirect(user, file.id, link.disposition, link.expires_at)
    assert custody.types(file.id).count("accessed") == 1


def test_a_direct_link_where_it_is_allowed(custody: Custody, outsider: httpx.Client) -> None:
    """link-observed: the bucket's own URL, which says that nobody sees its uses."""
    if not custody.store.capabilities().direct:
        pytest.skip("this store has no URLs of its own")
    limits = Limits(direct_links=True)
    custody.ledger.change_workspace(ADMIN, "acme", ws.SetLimits(category="book_content", limits=limits))
    file = custody.stored()
    link = custody.ledger.issue_link(SERVICE, file.id, LinkWish(observed=False, ttl=60))
    assert (link.observed, link.delivery) == (False, "direct")
    assert outsider.get(link.url.url).content == CONTENT
    (issued,) = [event.data for event in custody.events(file.id) if isinstance(event.data, fe.LinkIssued)]
    assert (issued.observed, issued.delivery) == (False, "direct")
