"""What the tiers leave open: names written almost alike, numbers with a slip. For a reviewer and nobody else."""

from credit_warehouse.likeness.names import Likeness, alikes, likeness

# The rule of the candidates that the model finds, by kind of subject.
RULES = {"organisation": "T3_ORG_LIKENESS", "person": "T3_PERSON_LIKENESS"}

__all__ = ["RULES", "Likeness", "alikes", "likeness"]
