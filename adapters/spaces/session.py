"""A botocore session that knows what it is told and nothing else: no environment, no files, no plug-ins, no reports.

By default botocore takes profiles, endpoints, certificates, retries, proxies and whole service models from the
environment and ~/.aws, sends figures of every call to a host that AWS_CSM_HOST names, and fails with a traceback where
a profile does not exist or a file is malformed.
"""

from typing import Any, Final

from botocore.configprovider import (
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    ConfigChainFactory,
    ConfigValueStore,
    ConstantProvider,
)
from botocore.loaders import Loader
from botocore.session import Session

_SECTIONS: Final = ("s3", "proxies_config")


class SealedSession(Session):
    """See the module."""

    def _register_config_store(self) -> None:
        factory = ConfigChainFactory(session=self, environ={})
        variables = {
            name: factory.create_config_chain(instance_name=name, default=default, conversion_func=convert)
            for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
        }
        sections = {name: ConstantProvider(value=None) for name in _SECTIONS}
        store = ConfigValueStore(mapping={**variables, **sections})
        self._components.register_component("config_store", store)  # type: ignore[attr-defined]  # not in the stubs

    def _register_data_loader(self) -> None:
        loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
        self._components.register_component("data_loader", loader)  # type: ignore[attr-defined]  # not in the stubs

    def get_scoped_config(self) -> dict[str, Any]:
        """Return what a file would say of a profile."""
        return {}

    @property
    def full_config(self) -> dict[str, Any]:
        """What the files would say."""
        return {"profiles": {}}
