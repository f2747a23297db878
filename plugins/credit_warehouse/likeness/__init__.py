"""What the tiers leave open: names written almost alike, numbers with a slip. For a reviewer and nobody else."""

from credit_warehouse.likeness.names import Likeness, alikes, likeness

__all__ = ["Likeness", "alikes", "likeness"]
