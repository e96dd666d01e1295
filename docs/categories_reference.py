"""Writes docs/reference/categories.md from the code: `python docs/categories_reference.py` after changing one."""

from pathlib import Path

from provenstore.domain.categories import BUILT_IN, DAY, DEFAULT_EXTENSIONS, GIB, MIB

TARGET = Path(__file__).parent / "reference" / "categories.md"

HEAD = f"""# Categories

Generated from the code. A file's category says where its object lies and what is taken: the types below, up to
{BUILT_IN["misc"].max_size // GIB} GiB each, empty files too unless it is said otherwise. The name of the object is
`<uuid>.<extension>`, whatever the file is called.

Common types: {" ".join(DEFAULT_EXTENSIONS)}.

| category | path | types | differs |
|---|---|---|---|
"""

TAIL = f"""
A placeholder such as `{{site}}` is filled by `placement` (`put --placement site=main`).

A workspace may have categories of its own, and other limits for any, with an admin's key:

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
        types = " ".join(["common", *more])
        differs = [] if one.expires_after is None else [f"expires after {one.expires_after // DAY * 24} hours"]
        differs += [] if one.allow_empty else ["no empty files"]
        rows.append(f"| `{one.name}` | `{one.template}` | {types} | {', '.join(differs)} |")
    return HEAD + "\n".join(rows) + "\n" + TAIL


if __name__ == "__main__":
    TARGET.write_text(render())
