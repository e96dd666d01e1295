"""Which disposal policies are in force where anything is deleted or expired: the index says where, the log which."""

from itertools import groupby

from provenstore.api.services import Services
from provenstore.projections.files.disposal import Term


def terms_of(services: Services, workspace: str | None = None) -> list[Term]:
    """Return the policies in force wherever anything is deleted or expired, by workspace and category; by the log."""
    found = []
    for one, categories in groupby(services.disposals.categories(workspace), key=lambda pair: pair[0]):
        policies = (services.ledger.disposing.in_force(one, category) for _, category in categories)
        found += [Term(one, policy) for policy in policies if policy is not None and policy.after_days is not None]
    return found
