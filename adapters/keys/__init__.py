"""Keys in files: signing keys of the log, keys for signed URLs, and what was last signed.

May import: `durable`. Begin with `log_keys`: where the keys come from, and how one follows another.
No key is ever logged, and none is used whose file others could have read.
"""
