"""What may be done and asked, for HTTP and the command line alike: one function per act.

May import: `background`, `contract`, `services`. Begin with `audit`, an officer's question.
"""
