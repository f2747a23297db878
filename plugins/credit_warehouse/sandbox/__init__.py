"""Sandbox: simulated providers with known truth. No row in it belongs to a real person or organisation.

``generate`` writes deliveries and the truth about them (columns in ``truth``); ``court_service``, ``registry_front``
and ``delivery`` hand them over the way providers do.
"""

from credit_warehouse.sandbox.generator import Summary, generate

__all__ = ["Summary", "generate"]
