"""Reads inventories and allocations from Placement."""

from __future__ import annotations

from typing import Any

from vpmem_harness.cloud import api, errors
from vpmem_harness.cloud.nova.control_client import ControlClient


class Placement:
    """The Placement service of a cloud, which runs in the control process."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client
        self._providers: dict[str, str] = {}

    def _get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.ask('placement', path)
        return answer

    def provider_uuid(self, host: str) -> str:
        """Return the resource provider of a host.

        :raises ComputeHostNotFound: if the host has none.
        """
        if host not in self._providers:
            providers = self._get(f'/resource_providers?name={host}')['resource_providers']
            if not providers:
                raise errors.ComputeHostNotFound(host=host)
            self._providers[host] = providers[0]['uuid']
        return self._providers[host]

    def inventories(self, provider: str) -> dict[str, api.Inventory]:
        """Return the inventory of a provider by resource class."""
        inventories = self._get(f'/resource_providers/{provider}/inventories')['inventories']
        return {name: api.Inventory(**fields) for name, fields in inventories.items()}

    def usages(self, provider: str) -> dict[str, int]:
        """Return the usage of a provider by resource class."""
        usages: dict[str, int] = self._get(f'/resource_providers/{provider}/usages')['usages']
        return usages

    def allocations(self, consumer: str) -> dict[str, dict[str, int]]:
        """Return the allocations of a consumer by resource provider."""
        held = self._get(f'/allocations/{consumer}')['allocations']
        return {provider: each['resources'] for provider, each in held.items()}

    def consumers(self, provider: str) -> dict[str, dict[str, int]]:
        """Return the allocations of a provider by consumer."""
        held = self._get(f'/resource_providers/{provider}/allocations')['allocations']
        return {consumer: each['resources'] for consumer, each in held.items()}
