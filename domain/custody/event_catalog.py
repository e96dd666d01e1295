"""The catalogue of events: every type that this release writes, for readers of the whole log.

A process knows a type once its module is loaded. Importing this module loads all of them, so that no type of this
release is taken for an unknown one.
"""

from typing import Final

from provenstore.domain.eventlog.event_types import REGISTRY, EventData
from provenstore.domain.eventlog.refusals import CredentialRefused, RequestRefused
from provenstore.domain.files import file_events
from provenstore.domain.privacy import erasure_events
from provenstore.domain.privacy.erasure import StreamDataErased
from provenstore.domain.system import log_events, provider_events
from provenstore.domain.system.projection_events import EventSkipped
from provenstore.domain.tenants import disposal_events, workspace_events

__all__ = ["EVENT_TYPES", "REGISTRY", "TYPE_NAMES"]

EVENT_TYPES: Final[tuple[type[EventData], ...]] = (
    disposal_events.DisposalPolicyRequested,
    disposal_events.DisposalPolicyApproved,
    disposal_events.DisposalPolicyRejected,
    disposal_events.DisposalRunEnded,
    StreamDataErased,
    erasure_events.ErasureRequested,
    erasure_events.ErasureApproved,
    erasure_events.ErasureRejected,
    erasure_events.ErasureCompleted,
    file_events.UploadInitiated,
    file_events.CompletionRequested,
    file_events.Stored,
    file_events.IntegrityFailed,
    file_events.IntegrityVerified,
    file_events.ObjectMissing,
    file_events.StrayFound,
    file_events.PlaceChecked,
    file_events.StrayRemoved,
    file_events.UploadAborted,
    file_events.UploadExpired,
    file_events.UploadCleared,
    file_events.SoftDeleted,
    file_events.FileExpired,
    file_events.Restored,
    file_events.MetadataChanged,
    file_events.AccessLevelChanged,
    file_events.ExpirySet,
    file_events.RetentionSet,
    file_events.RetentionReductionRequested,
    file_events.RetentionExtensionRequested,
    file_events.LegalHoldPlaced,
    file_events.LegalHoldReleased,
    file_events.PurgeRequested,
    file_events.PurgeApproved,
    file_events.PurgeRejected,
    file_events.PurgeWithdrawn,
    file_events.PurgeStarted,
    file_events.PurgeListed,
    file_events.PurgeFailed,
    file_events.Purged,
    file_events.PersonalDataErased,
    file_events.MultipartOpened,
    file_events.PartUrlsIssued,
    file_events.ChunkUploaded,
    file_events.LinkIssued,
    file_events.LinkRevoked,
    file_events.Accessed,
    file_events.AccessEnded,
    file_events.AccessDenied,
    log_events.LogKeysChanged,
    log_events.LogBegunAnew,
    log_events.LogAlarmCleared,
    EventSkipped,
    provider_events.ProviderProbed,
    provider_events.IdentityDrawn,
    provider_events.ProviderIdentified,
    RequestRefused,
    CredentialRefused,
    workspace_events.WorkspaceCreated,
    workspace_events.QuotaSet,
    workspace_events.PurgePolicySet,
    workspace_events.PurgePolicyChangeRequested,
    workspace_events.PurgePolicyChangeApproved,
    workspace_events.RetentionPolicyRequested,
    workspace_events.RetentionPolicySet,
    workspace_events.LimitsSet,
    workspace_events.CategoryRegistered,
    workspace_events.ActorRegistered,
    workspace_events.ActorKeyAdded,
    workspace_events.CredentialIssued,
    workspace_events.CredentialRevoked,
    workspace_events.AuditRead,
)
"""In no particular order; a type that is registered and not here fails the suite."""

TYPE_NAMES: Final[tuple[str, ...]] = tuple(sorted(one.TYPE for one in EVENT_TYPES))
"""The names of all of them, in order."""
