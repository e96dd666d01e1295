"""Writes docs/reference/categories.md from the code: `python docs/categories_reference.py` after changing one."""

from pathlib import Path

from provenstore.domain.tenants import disposal
from provenstore.domain.tenants.categories import BUILT_IN, DAY, DEFAULT_EXTENSIONS, EVERY_TYPE, GIB, MIB

TARGET = Path(__file__).parent / "reference" / "categories.md"

HEAD = f"""# Categories

Generated from the code. A file's category decides where its object lies and which types it takes, up to
{BUILT_IN["misc"].max_size // GIB} GiB each, empty files too unless the table says otherwise. `misc` takes every type,
files without an extension included. The name of the object is `<uuid>.<extension>`, whatever the file is called; the
file's own name is kept as it came, in any script, and shown escaped.

Content that a browser might run (HTML, SVG, XML, scripts, mail) is served as a download of type
`application/octet-stream`, also by links that ask for `inline`.

Common types: {" ".join(DEFAULT_EXTENSIONS)}.

| category | path | types | differs |
|---|---|---|---|
"""

TAIL = f"""
A placeholder such as `{{site}}` is filled by `placement` (`put --placement site=main`).

An admin can give a workspace categories of its own, which take every type unless `--extension` lists some, and other
limits for any category:

```
provenstore category add acme scans --template scans/{{year}}/ --extension pdf --extension tif
provenstore category limit acme book_cover --extension '*'
provenstore category list acme
```

The same over HTTP; `"extensions": ["*"]` is every type:

```
curl -X POST $BASE/v1/workspaces/acme/categories -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
  -d '{{"category": "scans", "template": "scans/{{year}}/",
       "limits": {{"extensions": ["pdf", "tif"], "max_size": {100 * MIB}}}}}'
```
"""


def render() -> str:
    """Return the page."""
    rows = []
    for one in BUILT_IN.values():
        more = [extension for extension in one.extensions if extension not in DEFAULT_EXTENSIONS]
        types = "every type" if one.extensions == EVERY_TYPE else " ".join(["common", *more])
        differs = [] if one.expires_after is None else [f"expires after {one.expires_after // DAY * 24} hours"]
        if (policy := disposal.BUILT_IN.get(one.name)) is not None:
            differs.append(f"destroyed {policy.after_days} days after expiry or deletion")
        differs += [] if one.allow_empty else ["no empty files"]
        rows.append(f"| `{one.name}` | `{one.template}` | {types} | {', '.join(differs)} |")
    return HEAD + "\n".join(rows) + "\n" + TAIL


if __name__ == "__main__":
    TARGET.write_text(render())
