"""What requests may say and what answers look like: the words that HTTP, the client and the commands share.

May import: the domain and the read models. Begin with `bodies` (requests), `shapes` and `views` (answers).
"""
