"""What the buckets of a server can do, found out once in a run: the workers share what one of them has found.

For tests whose subject is something else. Probing itself is tested with `probe`.
"""

import os
import pickle
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from adapters_digest import adapters_digest
from provenstore.adapters.durable.file_lock import FileLock
from provenstore.adapters.spaces.probe import PART_SIZE, keeps_versions, probe
from provenstore.domain.storage.objects import Capabilities
from store_servers import FINDINGS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SECONDS = 280  # to wait while another worker probes; a test has 300


def probed(client: "S3Client", bucket: str, *, part_size: int = PART_SIZE, ca_file: str | None = None) -> Capabilities:
    """Return what `probe` finds at this bucket, or has found at one of the same server that keeps versions alike.

    Raises as `probe` does for a bucket that is not as it must be.
    """
    versions = keeps_versions(client, bucket)
    name = sha256(f"{client.meta.endpoint_url} {versions} {adapters_digest()}".encode()).hexdigest()
    file = Path(os.environ[FINDINGS]) / name
    lock = FileLock(file.with_suffix(".lock"))
    try:
        assert lock.acquire(seconds=SECONDS)
        if not file.exists():
            part = file.with_suffix(".part")
            part.write_bytes(pickle.dumps(probe(client, bucket, ca_file=ca_file)))
            part.rename(file)
    finally:
        lock.close()
    found: Capabilities = pickle.loads(file.read_bytes())
    return replace(found, single_put_size=part_size)
