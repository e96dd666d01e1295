"""What a service does with a generated client: initiate, upload, download, read the audit; prints it as JSON.

use_client.py FOLDER-OF-THE-CLIENT URL KEY WORKSPACE
"""

import json
import sys
from io import BytesIO

CONTENT = b"sent by a client that nobody wrote"


def main(folder: str, url: str, key: str, workspace: str) -> None:
    sys.path.insert(0, folder)
    from generated import AuthenticatedClient  # type: ignore[import-not-found]  # made by the test
    from generated.api.audit import search_audit  # type: ignore[import-not-found]
    from generated.api.content import download_content, upload_content  # type: ignore[import-not-found]
    from generated.api.files import create_file, get_file  # type: ignore[import-not-found]
    from generated.models import NewFileBody  # type: ignore[import-not-found]
    from generated.types import File  # type: ignore[import-not-found]

    client = AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)
    body = NewFileBody(
        workspace=workspace, filename="generated.pdf", media_type="application/pdf", category="misc", size=len(CONTENT)
    )
    made = create_file.sync(client=client, body=body)
    stored = upload_content.sync(made.file.id, client=client, body=File(payload=BytesIO(CONTENT)))
    found = download_content.sync(stored.id, client=client)
    described = get_file.sync(stored.id, client=client)
    audit = search_audit.sync(client=client, workspace=workspace, fresh=True)
    said = {
        "status": described.status,
        "size": described.size,
        "content": found.payload.read().decode("ascii"),
        "actions": sorted({one.action for one in audit.entries if str(one.file_id) == str(stored.id)}),
    }
    sys.stdout.write(json.dumps(said, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
