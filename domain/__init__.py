"""The language of custody: envelope, events, decisions, policies, Merkle maths and ports.

No module of this floor does I/O, reads a clock or draws randomness except through a port that was handed to it.
"""
