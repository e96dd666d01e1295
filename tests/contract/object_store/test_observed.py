"""A watched store tells under which id a real server knows the call."""

from provenstore.adapters.clock import SystemClock
from provenstore.adapters.objects.observed_store import ObservedStore
from provenstore.domain.storage.object_store import ObjectStore
from provenstore.domain.storage.store_call import StoreCall


def test_a_server_names_its_requests(store: ObjectStore) -> None:
    """Each its own; a folder has none."""
    calls: list[StoreCall] = []
    watched = ObservedStore(store, calls.append, SystemClock())
    watched.list("")
    watched.put("k", [b"content"], media_type="text/plain", max_size=7)
    with watched.get("k") as reader:
        list(reader)
    named = [call.store_request for call in calls]
    if store.capabilities().direct:
        assert None not in named
        assert len(set(named)) == 3
    else:
        assert named == [None] * 3
