"""The object store that is a bucket: DigitalOcean Spaces, or any other that speaks S3.

May import: `objects` and what lies below it. Begin with `store`, the port.
`probe` finds out what a bucket can do, `check` whether it is as it must be, `harden` repairs what may be repaired.
"""
