"""The public data of an event, as histories and searches show it: derived from its class, not from a list.

Public data only, under the names of the events reference. A change shows its values before and after.
"""

from functools import lru_cache

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.event_types import EventData, RawData


def public_details(data: EventData) -> dict[str, Json]:
    """Return the public fields; fields that replace earlier ones under `became`, the replaced values under `was`.

    `was` is null if the event was recorded before its type had that field. For an unknown type nothing is shown.
    """
    if isinstance(data, RawData):
        return {}
    found = {name: value for name, value in data.to_json().items() if name not in data.HIDDEN}
    if data.CHANGES:
        found["became"] = {name: found.pop(name) for name in data.CHANGES}
    return found


@lru_cache(maxsize=256)
def public_fields(data_class: type[EventData]) -> frozenset[str]:
    """Return the names that `public_details` can return for a class."""
    shown = data_class.model_fields.keys() - data_class.HIDDEN - set(data_class.CHANGES)
    return frozenset(shown | ({"became"} if data_class.CHANGES else set()))
