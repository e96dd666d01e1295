"""Which adapters are under test: what is shared between runs is made again where a patch has changed one of them."""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path


@cache
def adapters_digest() -> str:
    """Return the beginning of a digest of all sources of the adapters, SQL included."""
    root = Path(str(files("provenstore.adapters")))
    digest = sha256()
    for file in sorted(one for one in root.rglob("*") if one.suffix in {".py", ".sql"}):
        digest.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
