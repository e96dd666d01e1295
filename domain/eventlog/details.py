"""What an event says beside its envelope, as histories and searches show it: taken from its class, with no list.

Public data only, under the names of the events reference. Of a change it says what it was and what it became.
"""

from functools import lru_cache

from provenstore.domain.canonical import Json
from provenstore.domain.eventlog.event_types import EventData, RawData


def public_details(data: EventData) -> dict[str, Json]:
    """Return the public fields; those that replace earlier ones under `became`, and what they replaced under `was`.

    `was` is null where the event was recorded before such events said so. Of an unknown type nothing is shown.
    """
    if isinstance(data, RawData):
        return {}
    found = {name: value for name, value in data.to_json().items() if name not in data.HIDDEN}
    if data.CHANGES:
        found["became"] = {name: found.pop(name) for name in data.CHANGES}
    return found


@lru_cache(maxsize=256)
def public_fields(data_class: type[EventData]) -> frozenset[str]:
    """Return the names under which `public_details` shows something of a class."""
    shown = data_class.model_fields.keys() - data_class.HIDDEN - set(data_class.CHANGES)
    return frozenset(shown | ({"became"} if data_class.CHANGES else set()))
