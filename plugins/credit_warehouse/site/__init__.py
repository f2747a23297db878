"""The reference site of the public list: static files, made of a verified copy of the feed and of nothing else."""

from __future__ import annotations

from credit_warehouse.site.build import Built, StaleFeed, build_site

__all__ = ["Built", "StaleFeed", "build_site"]
