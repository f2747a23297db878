"""Who is taken for whom: links of the second tier, candidates of the third, and never more. Each story above its test."""

from __future__ import annotations
from datetime import date
from providers import *

def test_smoke(warehouse):
    w = warehouse
    w.accept(date(2026,3,2), "court_defaulters", listing("A", 21), listing("B", 21, cardNumFull=None, birthDate="1985-03-04"), listing("C", 21, cardNumFull=None))
    w.build(date(2026,3,2))
    for t in ("core.orphan_item","core.identity_comparison","core.link_candidate","core.subject_link","marts.identity_review"):
        print(t)
        for r in w.rows(f"select to_jsonb(t) from {t} t"): print("  ", r[0])
    print(w.rows("select listing_id, exposure_reasons, directive_reasons from exports.listing_decision"))
    print(w.rows("select listing_id, subject_id, identity_tier from marts.defaulter_listing"))
