"""The object store that is a folder of this machine.

May import: `objects`, `keys`, `durable`. Begin with `folder`, the port; `object_files` and `multipart` are its
two halves, and their docstrings say what a crash leaves at each point.
"""
