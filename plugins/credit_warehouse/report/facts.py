"""What the report states: plain values as the queries deliver them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class Period:
    """What the report is about: the newest build, its business date, and the moment the figures were taken."""

    business_date: date
    taken_at: datetime
    prepared: bool
    """Whether the evidence tables exist."""
    build_id: int | None = None
    build_status: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exported_at: datetime | None = None
    since: datetime | None = None
    """Start of the last successful build of an earlier business date."""


@dataclass(frozen=True)
class SourceLine:
    """One declared source in the period; every received row is in exactly one of the four row counts."""

    source: str
    label: str
    publisher: str
    delivery: str
    files: int
    accepted_files: int
    refused_files: int
    waiting_files: int
    uncounted_files: int
    rows_in: int
    adopted: int
    quarantined: int
    refused_rows: int
    waiting_rows: int
    absences: int
    duplicates: int
    attempts: int
    received_at: datetime | None

    @property
    def balanced(self) -> bool:
        """Whether nothing got lost between receipt and record."""
        return self.rows_in == self.adopted + self.quarantined + self.refused_rows + self.waiting_rows

    @property
    def state(self) -> str:
        """The worst thing that is true of the source."""
        if self.refused_files:
            return "refused"
        if self.waiting_files:
            return "waiting"
        if self.accepted_files:
            return "accepted"
        if self.duplicates:
            return "duplicate"
        return "absent" if self.absences else "unasked"


@dataclass(frozen=True)
class ScoreLine:
    """One source in one month; shares from 0 to 1, None where there is nothing to measure."""

    month: date
    source: str
    label: str
    publisher: str
    deliveries: int
    refused_deliveries: int
    overdue_days: int
    rows_in: int
    completeness: float | None
    validity: float | None
    timeliness: float | None
    correction: float | None
    removal: float | None
    score: float | None
    place: int | None
    before: float | None
    """Score of the month before."""


@dataclass(frozen=True)
class Criterion:
    """One part of the score, as in force in the month."""

    criterion: str
    criterion_zh: str
    criterion_en: str
    weight: float
    definition_zh: str
    definition_en: str
    legal_basis: str


@dataclass(frozen=True)
class TrendPoint:
    """One source on one business date."""

    source: str
    business_date: date
    rows: int
    quarantined: int
    refused_files: int


@dataclass(frozen=True)
class Outcome:
    """A delivery that was refused, or an attempt that failed."""

    source: str
    label: str
    file_name: str
    business_date: date
    rule: str
    detail_zh: str
    detail_en: str
    replaced: bool
    """A later file of the same source and business date was accepted."""


@dataclass(frozen=True)
class RejectLine:
    """Quarantined rows of one rule in one source."""

    rule: str
    reason_zh: str
    reason_en: str
    done_zh: str
    basis: str
    owner: str | None
    source: str
    label: str
    rows: int


@dataclass(frozen=True)
class SettledLine:
    """Rows quarantined earlier that a delivery of this period settled, by source and ground."""

    source: str
    label: str
    ground: str
    rows: int


@dataclass(frozen=True)
class Example:
    """Where one quarantined row can be found."""

    rule: str
    source: str
    label: str
    file_name: str
    batch_id: int
    row_no: int
    stage: str
    field: str
    value: str | None = None
    """The field at fault, unmasked; read only for columns declared free of personal data."""
    readable: bool = False


@dataclass(frozen=True)
class VerdictLine:
    """Rows of the period by source and identifier verdict."""

    source: str
    label: str
    verdict: str
    rows: int
    orphans: int
    """Of these, rows that belong to no subject."""


@dataclass(frozen=True)
class OrphanLine:
    """Items of the record in force that belong to no subject."""

    source: str
    label: str
    verdict: str
    items: int


@dataclass(frozen=True)
class SubjectLine:
    """Subjects of one kind."""

    kind: str
    subjects: int
    new_subjects: int


@dataclass(frozen=True)
class ItemLine:
    """Items of the record in force by catalogue class and polarity."""

    catalogue_class: str
    polarity: str
    items: int
    subjects: int


@dataclass(frozen=True)
class ListingLine:
    """Listings of the court by status."""

    status: str
    listings: int
    persons: int
    organisations: int


@dataclass(frozen=True)
class Decisions:
    """Listings, and how many of them may leave in either product."""

    listings: int
    exposable: int
    directable: int


@dataclass(frozen=True)
class ExclusionLine:
    """Listings kept out of the products for one reason; a listing may have several."""

    reason: str
    reason_zh: str
    reason_en: str
    legal_basis: str
    not_exposed: int
    not_directed: int


@dataclass(frozen=True)
class FeedLine:
    """One feed: its newest sequence, and what the period brought."""

    feed: str
    product: str
    department: str | None
    sequence: int
    scope: str
    added: int
    updated: int
    removed: int
    total: int
    held: int
    exported_at: datetime
    totals: list[int]
    """Totals of the newest sequences, oldest first."""


@dataclass(frozen=True)
class ExposureDay:
    """The public list on one day; None where the day had no delivery, or nobody reported its queries."""

    day: date
    removed: int | None
    held: int | None
    performed: int | None
    performed_amount_yuan: Decimal | None
    queries: int | None


@dataclass(frozen=True)
class RemovalLine:
    """Entries taken down in the period for one reason."""

    product: str
    reason: str
    reason_zh: str
    legal_basis: str
    entries: int


@dataclass(frozen=True)
class ProductLine:
    """One product: entries the newest build allows, entries recipients hold, entries that should have left."""

    product: str
    candidates: int
    held: int
    overdue: int


@dataclass(frozen=True)
class TakedownLine:
    """Removals for one reason against their clocks: those of the period, and those still open, however old."""

    reason: str
    reason_zh: str
    removals: int
    met: int
    late: int
    """Came in time and went too late, or due and not gone yet."""
    came_late: int
    """Gone, but the message itself had come after the last day."""
    pending: int
    """Not gone everywhere yet, within the time."""
    unclocked: int
    """Gone; no clock binds."""
    never_sent: int
    """Nobody had been told of the listing."""
    longest_seconds: int | None
    """From receipt until the last feed was told."""


@dataclass(frozen=True)
class CourtQuestionLine:
    """Listings with one question that only the court can answer."""

    alert: str
    alert_zh: str
    rule: str
    listings: int
    courts: int
    since: date | None


@dataclass(frozen=True)
class GateLine:
    """One rule at the border over everything it was applied to in the period."""

    suite: str
    rule_id: str
    title_zh: str
    basis: str
    severity: str
    owner: str | None
    checks: int
    passed: int
    vacuous: int
    failed: int


@dataclass(frozen=True)
class GateFinding:
    """One application of a rule that failed, or passed without having seen a value."""

    suite: str
    target: str
    label: str | None
    rule_id: str
    title_zh: str
    severity: str
    owner: str | None
    success: bool
    expected: str
    observed: str
    file_name: str | None
    refused: bool


@dataclass(frozen=True)
class InsideLine:
    """One data test of dbt, the rule it stands for, and its newest result."""

    rule_id: str
    title_zh: str
    basis: str
    severity: str
    owner: str
    target: str
    expected: str
    success: bool | None = None
    """None where it never ran."""
    vacuous: bool | None = None
    observed: str = ""
    checked_at: datetime | None = None
    build_id: int | None = None
    """None for a test of rule tables, which run when those are loaded."""


@dataclass(frozen=True)
class HarmLine:
    """Whom a product would have hit, had its gate let it pass: by rule, in the newest check of the period."""

    target: str
    rule_id: str
    title_zh: str
    entries: int
    subjects: int
    newly: int
    """Of these, in no feed of the product now."""
    shown: list[str]
    """A few of them, masked."""


@dataclass(frozen=True)
class FeedbackAlarmLine:
    """Feedback of one unit that acted without right, received in the period."""

    unit_kind: str
    unit_code: str | None
    department: str | None
    standing: str
    acts: int
    subjects: int
    forewarned: int
    """Acts after the unit had taken the withdrawal, by its own receipt."""
    last_acted_at: datetime | None


@dataclass(frozen=True)
class DbtGroup:
    """dbt nodes of one kind and status in the build."""

    resource_type: str
    status: str
    nodes: int
    seconds: float


@dataclass(frozen=True)
class DbtNode:
    """One dbt node."""

    unique_id: str
    resource_type: str
    status: str
    seconds: float
    rows_affected: int | None
    failures: int | None
    message: str | None
    is_problem: bool


@dataclass(frozen=True)
class BuildLine:
    """One build."""

    build_id: int
    business_date: date
    status: str
    started_at: datetime
    finished_at: datetime | None
    exported_at: datetime | None
    files: int


@dataclass(frozen=True)
class Facts:
    """Everything the report states, read in one snapshot."""

    period: Period
    sources: list[SourceLine] = field(default_factory=list)
    trend: list[TrendPoint] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    rejects: list[RejectLine] = field(default_factory=list)
    settled: list[SettledLine] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    verdicts: list[VerdictLine] | None = None
    orphans: list[OrphanLine] | None = None
    subjects: list[SubjectLine] | None = None
    items: list[ItemLine] | None = None
    listings: list[ListingLine] | None = None
    decisions: Decisions | None = None
    exclusions: list[ExclusionLine] = field(default_factory=list)
    feeds: list[FeedLine] = field(default_factory=list)
    exposure_days: list[ExposureDay] = field(default_factory=list)
    removals: list[RemovalLine] = field(default_factory=list)
    products: list[ProductLine] | None = None
    takedowns: list[TakedownLine] | None = None
    scores: list[ScoreLine] | None = None
    criteria: list[Criterion] = field(default_factory=list)
    court_questions: list[CourtQuestionLine] | None = None
    gates: list[GateLine] = field(default_factory=list)
    findings: list[GateFinding] = field(default_factory=list)
    inside: list[InsideLine] = field(default_factory=list)
    harms: list[HarmLine] = field(default_factory=list)
    feedback_alarms: list[FeedbackAlarmLine] | None = None
    dbt_groups: list[DbtGroup] = field(default_factory=list)
    dbt_nodes: list[DbtNode] = field(default_factory=list)
    builds: list[BuildLine] = field(default_factory=list)
