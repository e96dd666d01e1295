"""Usage: what files take up and give out, by workspace, owner, category, provider and month.

May import: `engine`. Begin with `row`, the sums of one file; `sums` is the read model, `query` answers.
"""
