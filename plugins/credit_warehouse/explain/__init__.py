"""Why somebody is, was or was not shown or directed: the chain from the line that was received to the last delivery."""

from __future__ import annotations

from credit_warehouse.explain.chain import Kind, UnknownId, explain
from credit_warehouse.explain.links import explain_link, link_in_words
from credit_warehouse.explain.wording import in_words

__all__ = ["Kind", "UnknownId", "explain", "explain_link", "in_words", "link_in_words"]
