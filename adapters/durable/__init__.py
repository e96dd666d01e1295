"""Files that survive a power cut, and locks between processes.

May import: nothing of this floor. Begin with `whole_file`: written beside, flushed, renamed over.
"""
