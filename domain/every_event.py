"""Imports every module of event types: whoever reads the whole log needs the registry to be full."""

import provenstore.domain.disposal_events
import provenstore.domain.erasure
import provenstore.domain.erasure_events
import provenstore.domain.file_events
import provenstore.domain.log_events
import provenstore.domain.projection_events
import provenstore.domain.provider_events
import provenstore.domain.refusals
import provenstore.domain.workspace_events  # noqa: F401  # they fill the registry
