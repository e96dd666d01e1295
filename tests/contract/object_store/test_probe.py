"""What probing finds on the servers that the tests know: what the adapter and the ledger build on."""

import pytest

from provenstore.domain.storage.object_store import ObjectStore

_BUCKET = {"presign", "direct"}
_RGW = {"sound_part_urls", "sound_forms"}  # and a presigned PUT copies, opens and labels
FOUND = {
    "local": {"if_absent_put", "if_absent_copy", "if_absent_complete", "if_etag_delete", "omits_parts"}
    | {"signed_if_absent", "presign", "sound_put_urls", "sound_part_urls"},
    "moto": _BUCKET | {"if_absent_put", "if_absent_complete", "omits_parts"},
    "rgw-http": _BUCKET | _RGW | {"if_absent_put", "signed_if_absent"},
    "rgw-https": _BUCKET | _RGW | {"if_absent_put", "signed_if_absent"},
    "rgw-versioned": _BUCKET | _RGW | {"versioning"},
    "swift": _BUCKET | {"late_parts", "omits_parts", "sound_part_urls"},
}


def test_probing_finds_what_a_server_is_known_for(store: ObjectStore, request: pytest.FixtureRequest) -> None:
    """A server that has changed shows here, before something is built on what it used to do."""
    known = request.node.callspec.params["store"].removesuffix("-observed")
    can = vars(store.capabilities())
    assert {name for name, value in can.items() if value is True} == FOUND[known]
