"""What the business registry knows: every organisation, its people, and their changes."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from credit_warehouse.sandbox.period import Period, Plant
from credit_warehouse.sandbox.population import Organisation, Person, Population

ENTITIES = "registry_entities"
PERSONS = "registry_persons"
POSITIONS = {"432A": "董事", "408A": "监事", "436A": "经理", "490A": "股东", "491A": "实际控制人"}
STATES = ("存续", "存续", "存续", "开业", "开业", "在营")


@dataclass(frozen=True, slots=True)
class Entity:
    """One row of registry_entities."""

    organisation: Organisation
    name: str
    representative: Person
    state: str
    capital: int
    fixed_term: bool
    approved: date
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Relation:
    """One row of registry_persons."""

    organisation: Organisation
    person_no: str
    person: Person
    position: str
    position_name: str
    is_representative: bool
    appointed: date
    removed: date | None
    updated_at: datetime


class Registry:
    """Rows changed on each day; the first day carries everything."""

    def __init__(self, population: Population, seed: int, period: Period) -> None:
        self.rng = random.Random(f"{seed}/registry")
        self.population = population
        self.period = period
        self.entities: list[list[Entity]] = [[] for _ in range(period.days)]
        self.relations: list[list[Relation]] = [[] for _ in range(period.days)]
        self.plants: list[Plant] = []
        self._representatives: list[Relation] = []
        for organisation in population.organisations:
            self._register(organisation)
        order = list(range(len(self.entities[0])))
        self.rng.shuffle(order)
        for day in range(1, period.days):
            share = min(len(order) // 4, max(3, len(self.entities[0]) // 100))
            for kind in (self._replace_representative, self._rename, self._close):
                for _ in range(share if kind == self._replace_representative else max(1, share // 3)):
                    kind(day, order.pop()) if order else None

    def _register(self, organisation: Organisation) -> None:
        rng = self.rng
        moment = self.period.moment(rng, 0)
        approved = max(organisation.established, self.period.start - timedelta(days=rng.randint(10, 2000)))
        self.entities[0].append(
            Entity(
                organisation=organisation,
                name=organisation.name,
                representative=organisation.representative,
                state=rng.choice(STATES),
                capital=rng.choice((10, 50, 100, 200, 500, 1000, 2000, 5000)),
                fixed_term=rng.random() < 0.4,
                approved=approved,
                updated_at=moment,
            )
        )
        self._representatives.append(self._relate(0, organisation, 1, organisation.representative, None, moment))
        for number in range(2, 2 + rng.choice((0, 0, 1, 1, 2, 3))):
            person = rng.choice(self.population.adults)
            self._relate(0, organisation, number, person, rng.choice(tuple(POSITIONS)), moment)

    def _relate(
        self,
        day: int,
        organisation: Organisation,
        number: int,
        person: Person,
        position: str | None,
        moment: datetime,
    ) -> Relation:
        appointed = organisation.established if day == 0 else self.period.day(day)
        relation = Relation(
            organisation=organisation,
            person_no=f"{organisation.no:08d}{number:02d}",
            person=person,
            position=position or "431A",
            position_name=POSITIONS[position] if position else "法定代表人",
            is_representative=position is None,
            appointed=appointed,
            removed=None,
            updated_at=moment,
        )
        self.relations[day].append(relation)
        return relation

    def _replace_representative(self, day: int, index: int) -> None:
        moment = self.period.moment(self.rng, day)
        entity, outgoing = self.entities[0][index], self._representatives[index]
        incoming = self.rng.choice(self.population.adults)
        changed = replace(entity, representative=incoming, approved=self.period.day(day), updated_at=moment)
        self.entities[day].append(changed)
        self.relations[day].append(
            replace(outgoing, is_representative=False, removed=self.period.day(day), updated_at=moment)
        )
        self._relate(day, entity.organisation, 9, incoming, None, moment)
        self._plant(day, entity, "REPRESENTATIVE_CHANGED")

    def _rename(self, day: int, index: int) -> None:
        entity = self.entities[0][index]
        self.entities[day].append(
            replace(
                entity,
                name=f"新{entity.name}",
                approved=self.period.day(day),
                updated_at=self.period.moment(self.rng, day),
            )
        )
        self._plant(day, entity, "RENAMED")

    def _close(self, day: int, index: int) -> None:
        entity = self.entities[0][index]
        self.entities[day].append(
            replace(
                entity,
                state=self.rng.choice(("注销", "吊销未注销")),
                approved=self.period.day(day),
                updated_at=self.period.moment(self.rng, day),
            )
        )
        self._plant(day, entity, "CLOSED")

    def _plant(self, day: int, entity: Entity, label: str) -> None:
        organisation = entity.organisation
        self.plants.append(Plant(day, ENTITIES, organisation.registry_id, organisation.no, label))
