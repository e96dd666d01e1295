"""Tokens of signed URLs: exactly those issued here open anything, once the key is a good one."""

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenstore.adapters.keys.key_file import load_or_create_key
from provenstore.adapters.local.folder import LocalFolder
from provenstore.adapters.objects.own_urls import LocalUrlSigner, SignedGrant
from provenstore.domain.errors import Misconfigured
from provenstore.domain.storage.objects import NotSupported, UrlExpired, UrlInvalid

UNTIL = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
BEFORE = UNTIL - timedelta(seconds=1)
SIGNER = LocalUrlSigner(b"k" * 32)
GRANT = SignedGrant(
    method="PUT", file="file-1", grant="event-1", expires_at=UNTIL, media_type="text/plain", size=5, sha256="0" * 64
)
TOKEN = SIGNER.sign(GRANT)


@given(
    st.builds(
        SignedGrant,
        method=st.sampled_from(["GET", "PUT"]),
        file=st.text(max_size=50),
        grant=st.text(max_size=50),
        expires_at=st.integers(1, 2**33).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
        media_type=st.none() | st.text(max_size=50),
        size=st.none() | st.integers(0, 2**60),
        part=st.none() | st.integers(1, 10_000),
    )
)
def test_what_is_signed_is_verified(grant: SignedGrant) -> None:
    """Every field comes back as it was."""
    assert SIGNER.verify(SIGNER.sign(grant), grant.method, grant.expires_at - timedelta(seconds=1)) == grant


@given(st.integers(0, len(TOKEN) * 8 - 1))
def test_any_flipped_bit_is_refused(bit: int) -> None:
    """No bit of the text of a token is without meaning."""
    altered = bytearray(TOKEN.encode())
    altered[bit // 8] ^= 1 << bit % 8
    with pytest.raises(UrlInvalid):
        SIGNER.verify(altered.decode("latin-1"), "PUT", BEFORE)


@given(st.text(max_size=200) | st.text("v1.-_=AB", max_size=40))
def test_any_other_text_is_refused(text: str) -> None:
    """Whatever is sent, the answer is a refusal and not a crash."""
    with pytest.raises(UrlInvalid):
        SIGNER.verify(text, "PUT", BEFORE)


@pytest.mark.parametrize("token", [TOKEN + "=", TOKEN + "\n", " " + TOKEN, TOKEN + "." + TOKEN, "v1." * 10**6])
def test_only_one_spelling_is_accepted(token: str) -> None:
    """Padding, spaces and repetition are refused, and what is too long is not decoded."""
    with pytest.raises(UrlInvalid):
        SIGNER.verify(token, "PUT", BEFORE)


def test_a_token_is_good_for_its_method_time_and_key_only() -> None:
    """Until the very second of its expiry."""
    assert SIGNER.verify(TOKEN, "PUT", BEFORE) == GRANT
    with pytest.raises(UrlInvalid):
        SIGNER.verify(TOKEN, "GET", BEFORE)
    with pytest.raises(UrlInvalid):
        LocalUrlSigner(b"o" * 32).verify(TOKEN, "PUT", BEFORE)
    with pytest.raises(UrlExpired):
        SIGNER.verify(TOKEN, "PUT", UNTIL)


def test_a_token_never_holds_the_path(tmp_path: Path) -> None:
    """Who sees the URL learns ids, not keys; and without a key for signing there are none."""
    store = LocalFolder(tmp_path, urls=SIGNER)
    url = store.presign_get("books/secret.pdf", file="f", grant="e", expires_at=UNTIL).url
    assert url.startswith("/v1/signed/v1.")
    payload = url.split(".")[1]
    assert b"secret" not in base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    with pytest.raises(NotSupported):
        LocalFolder(tmp_path).presign_get("k", file="f", grant="e", expires_at=UNTIL)
    assert not LocalFolder(tmp_path).capabilities().presign


def test_all_who_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    """The first to finish has chosen; nobody else may read it, and nothing else is left."""
    path = tmp_path / "urls.key"
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: load_or_create_key(path), range(8)))
    assert keys == {load_or_create_key(path)}
    assert len(keys.pop()) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """It may have been read already."""
    path = tmp_path / "urls.key"
    load_or_create_key(path)
    path.chmod(mode)
    with pytest.raises(Misconfigured):
        load_or_create_key(path)


@pytest.mark.parametrize("content", ["", "00" * 31, "00" * 33, "zz" * 32, "é" * 32])
def test_a_damaged_key_is_refused(tmp_path: Path, content: str) -> None:
    """It is never replaced: URLs that were given out would die silently."""
    path = tmp_path / "urls.key"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(Misconfigured):
        load_or_create_key(path)
    assert path.read_text() == content


def test_a_key_behind_a_link_or_in_no_folder_is_refused(tmp_path: Path) -> None:
    """The key is where it was said to be, or the start is refused."""
    load_or_create_key(tmp_path / "real.key")
    (tmp_path / "link.key").symlink_to("real.key")
    for path in (tmp_path / "link.key", tmp_path / "missing" / "urls.key", tmp_path):
        with pytest.raises(Misconfigured):
            load_or_create_key(path)


def test_a_key_that_was_replaced_still_verifies() -> None:
    """URLs of before live on; new ones are signed by the new key, which the old one alone does not know."""
    old, new = LocalUrlSigner(b"o" * 32), LocalUrlSigner(b"n" * 32, [b"o" * 32])
    grant = SignedGrant(method="GET", file="f", grant="e", expires_at=UNTIL)
    assert new.verify(old.sign(grant), "GET", UNTIL - timedelta(seconds=1)).file == "f"
    assert new.verify(new.sign(grant), "GET", UNTIL - timedelta(seconds=1)).file == "f"
    with pytest.raises(UrlInvalid):
        old.verify(new.sign(grant), "GET", UNTIL - timedelta(seconds=1))
    assert "oooo" not in repr(new)
