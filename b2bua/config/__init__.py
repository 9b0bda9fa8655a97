"""The configuration: one frozen `Config`, every mistake reported at once."""

from b2bua.config.default_text import default_config_text
from b2bua.config.errors import ConfigInvalid
from b2bua.config.implied import undeclared_listeners
from b2bua.config.kinds import HostPort, ListenAddress, PortRange, TrunkUri
from b2bua.config.reading import load_config, read_config
from b2bua.config.sections import (
    ApiSection,
    CallsSection,
    Config,
    MediaSection,
    Route,
    SecretsSection,
    SipSection,
    StorageSection,
    Trunk,
    WebhooksSection,
    WebrtcSection,
)

__all__ = [
    "ApiSection",
    "CallsSection",
    "Config",
    "ConfigInvalid",
    "HostPort",
    "ListenAddress",
    "MediaSection",
    "PortRange",
    "Route",
    "SecretsSection",
    "SipSection",
    "StorageSection",
    "Trunk",
    "TrunkUri",
    "WebhooksSection",
    "WebrtcSection",
    "default_config_text",
    "load_config",
    "read_config",
    "undeclared_listeners",
]
