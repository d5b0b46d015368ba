"""The network stack stands in both regions."""

COMPONENT = "network"
