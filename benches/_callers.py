"""A month of callers: honest ones as they move about, and sharers as they share. Every number is a named assumption.

The model makes one event for each caller, device and place about every ten minutes of use: what a detector is shown.
It is a model and no measurement. Where a number has a source it is named; the others are marked *assumed*, chosen so
that an honest caller looks rather more like a sharer than less. What moves the results is listed in
specs/profile-sharing.md section 7.

A network is labelled by its AS and region, as that page recommends; so a phone that changes its address behind a
carrier's NAT mostly keeps its label, and neighbours with one provider have one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final, NamedTuple

DAY_S: Final = 86_400
REGIONS: Final = 50
COUNTRIES: Final = ("US", "DE", "IN", "BR", "GB", "FR", "NG", "PH", "VN", "TR", "PL", "MX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What the model takes for granted. Shares are of all callers unless they say otherwise.

    Attributes:
        active_weekday, active_weekend: chance that a caller uses the API on a day. Assumed.
        sessions: mean number of sessions of such a day, beyond the first. Assumed.
        workers, office_days: share that has a work network, and of its weekdays there (US Census 2023: about a third
            of workers is at home on some days; rounded towards more moving).
        devices: share of callers with 1, 2, ... devices that hold a sender key. Assumed.
        servers: share that also runs something unattended in a cloud, with a key of its own. Assumed.
        vpn: share that uses a VPN (surveys of 2023-2025 say a quarter to a third).
        vpn_daily, vpn_hoppers: of these, share that changes its exit each day, and several times a session. Assumed.
        trips_abroad, trips_inland: trips a year. Assumed; above the averages of national travel surveys.
        roaming_home_routed: share of roaming whose address is of the home country (home routing is usual).
        new_device, new_key: chance a day that a device is replaced, or a client loses its key. Assumed.
        two_uplinks: share whose home alternates between two uplinks at each connection. Assumed.
        proxies: share behind proxies that change with each request and that nobody has labelled. Assumed.
        throwaway_keys: share whose client makes a new sender key in every session. Assumed.
        families, companies: share that has its API key from a family (2 to 5) or a company. Assumed.
        companies_unknown: of the companies, share for whose key the operator does not know for how many it is.
        others: how many others use a credential that is lent: least and most, evenly. Assumed, as are the next two.
        others_copied: how many others a sender key is copied to.
        others_sold: how many others buy tickets and keys, or use an API key.
        friends_near, friends_abroad: of the others, share in the same region and abroad. Assumed.
    """

    active_weekday: float = 0.75
    active_weekend: float = 0.4
    sessions: float = 1.5
    workers: float = 0.55
    office_days: float = 0.7
    devices: tuple[float, ...] = (0.40, 0.40, 0.15, 0.045, 0.005)
    servers: float = 0.08
    vpn: float = 0.25
    vpn_daily: float = 0.3
    vpn_hoppers: float = 0.04
    trips_abroad: float = 3.0
    trips_inland: float = 8.0
    roaming_home_routed: float = 0.5
    new_device: float = 1 / 900
    new_key: float = 1 / 200
    two_uplinks: float = 0.005
    proxies: float = 0.0002
    throwaway_keys: float = 0.0002
    families: float = 0.30
    companies: float = 0.15
    companies_unknown: float = 0.5
    others: tuple[int, int] = (5, 15)
    others_copied: tuple[int, int] = (8, 20)
    others_sold: tuple[int, int] = (10, 40)
    friends_near: float = 0.4
    friends_abroad: float = 0.25


class Event(NamedTuple):
    """One request."""

    at: float
    credential: int
    sender: str
    network: str
    country: str
    api_key: int
    shared: bool  # made by somebody else than the owner


@dataclass(slots=True)
class Person:
    """Somebody who moves about."""

    credential: int
    api_key: int
    country: str
    region: int
    home: str
    work: str | None
    carrier: int
    devices: list[str]
    server: bool
    vpn: str  # "", "fixed", "daily", "hopper"
    uplink: str | None
    proxied: bool
    throwaway: bool
    borrower: bool = False
    trip: list[tuple[str, bool]] = field(default_factory=list)  # for the days to come: (country, moves that day)
    exit_: tuple[str, str] = ("", "")


@dataclass(slots=True)
class Sharer:
    """Who shares, what, with how many, and from which day."""

    kind: str  # "lent", "copied", "sold", "api key"
    credential: int
    api_key: int
    others: list[Person]
    day: int
    began: float | None = None


class Crowd:
    """All callers of one run.

    Args:
        callers: how many credentials, sharers included.
        sharers: share of them.
        seed: of everything.
    """

    def __init__(self, callers: int, *, sharers: float, seed: int, assumptions: Assumptions, days: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311  # a model, and the same for the same seed
        self.assume = assumptions
        self.names = 0
        self.people_of_key: dict[int, int | None] = {}
        self.people: list[Person] = []
        self.sharers: list[Sharer] = []
        key = size = 0
        for credential in range(callers):
            if size == 0:
                key, size = self._new_key(credential)
            size -= 1
            self.people.append(self._person(credential, key))
        alone = [person for person in self.people if self.people_of_key[person.api_key] == 1]
        kinds = ("lent", "copied", "sold", "api key")
        for number, owner in enumerate(self.rng.sample(alone, round(callers * sharers))):
            self.sharers.append(self._sharer(kinds[number % 4], owner, self.rng.randrange(1, max(2, days - 2))))

    def _new_key(self, credential: int) -> tuple[int, int]:
        """Make an API key; returns it, and how many callers in a row have it."""
        roll, size, known = self.rng.random(), 1, True
        share = 1.0
        if roll < self.assume.families / 3.5:  # a family has 3.5 members on average, and so has its roll
            size = self.rng.randint(2, 5)
        elif roll < self.assume.families / 3.5 + self.assume.companies / 150:
            size = min(5_000, max(10, int(self.rng.lognormvariate(4.3, 1.2))))
            known = self.rng.random() >= self.assume.companies_unknown
            share = 1.0
        self.people_of_key[credential] = max(1, round(size * share)) if known else None
        return credential, size

    def _name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def _isp(self, region: int, country: str) -> str:
        choice = min(self.rng.expovariate(0.45), 9)  # the largest has a third of its region
        return f"{country}-isp{int(choice)}-r{region}"

    def _person(self, credential: int, key: int, *, country: str = "US", region: int | None = None) -> Person:
        rng, assume = self.rng, self.assume
        region = rng.randrange(REGIONS) if region is None else region
        people = self.people_of_key.get(key)
        company = people is None or people > 5
        work = None
        if company or rng.random() < assume.workers:
            work = f"corp{key}" if company else self._isp(region, country) + "b"
        count = rng.choices(range(1, len(assume.devices) + 1), assume.devices)[0]
        roll = rng.random()
        vpn = ""
        if rng.random() < assume.vpn:
            vpn = (
                "hopper"
                if roll < assume.vpn_hoppers
                else "daily"
                if roll < assume.vpn_hoppers + assume.vpn_daily
                else "fixed"
            )
        person = Person(
            credential, key, country, region, self._isp(region, country), work, rng.randrange(3),
            [self._name("d") for _ in range(count)], rng.random() < assume.servers, vpn,
            self._isp(region, country) + "u" if rng.random() < assume.two_uplinks else None,
            rng.random() < assume.proxies, rng.random() < assume.throwaway_keys,
        )  # fmt: skip
        person.exit_ = self._exit()
        return person

    def _sharer(self, kind: str, owner: Person, day: int) -> Sharer:
        rng, assume = self.rng, self.assume
        sizes = {"lent": assume.others, "copied": assume.others_copied}
        count = rng.randint(*sizes.get(kind, assume.others_sold))
        others = []
        for _ in range(count):
            roll = rng.random()
            country = rng.choice(COUNTRIES[1:]) if roll < assume.friends_abroad else "US"
            near = assume.friends_abroad <= roll < assume.friends_abroad + assume.friends_near
            other = self._person(
                owner.credential, owner.api_key, country=country, region=owner.region if near else None
            )
            other.borrower, other.server = True, False
            if kind in ("copied", "sold"):
                other.devices = owner.devices[:1]
            if kind == "api key":
                self.names += 1
                other.credential = -self.names  # of his own
            others.append(other)
        return Sharer(kind, owner.credential, owner.api_key, others, day)

    def _exit(self) -> tuple[str, str]:
        """Choose an exit of a VPN: providers use the networks of a few hosters in many countries."""
        country = self.rng.choice(COUNTRIES) if self.rng.random() < 0.5 else "US"
        return f"vpn{self.rng.randrange(5)}-{country}", country

    def day(self, day: int) -> list[Event]:
        """Return the events of a day, in order."""
        events: list[Event] = []
        for person in self.people:
            self._live(person, day, events)
        for sharer in self.sharers:
            if day >= sharer.day:
                first = len(events)
                for other in sharer.others:
                    self._live(other, day, events)
                if sharer.began is None and len(events) > first:
                    sharer.began = min(event.at for event in events[first:])
        events.sort()
        return events

    def _live(self, person: Person, day: int, events: list[Event]) -> None:
        rng, assume = self.rng, self.assume
        weekend = day % 7 >= 5
        if not person.trip and not person.borrower:
            if rng.random() < assume.trips_abroad / 365:
                there = rng.choice(COUNTRIES[1:])
                length = rng.randint(2, 10)
                person.trip = [(there, True), *((there, False) for _ in range(length)), (there, True)]
            elif rng.random() < assume.trips_inland / 365:
                person.trip = [("US", True), *(("US", False) for _ in range(rng.randint(0, 3))), ("US", True)]
        trip = person.trip.pop(0) if person.trip else None
        if rng.random() < assume.new_device + assume.new_key:
            person.devices[rng.randrange(len(person.devices))] = self._name("d")
        active = 0.9 if person.borrower else assume.active_weekend if weekend else assume.active_weekday
        if person.server and rng.random() < 0.5:
            for hour in range(0, 24, 3):
                at = (day * 24 + hour) * 3_600 + rng.random() * 3_600
                events.append(
                    Event(at, person.credential, f"s{person.credential}", "cloud", "US", person.api_key, False)
                )
        if rng.random() >= active:
            return
        if person.vpn == "daily":
            person.exit_ = self._exit()
        office = person.work is not None and not weekend and rng.random() < assume.office_days
        sessions = 1
        while rng.random() < assume.sessions / (1 + assume.sessions) and sessions < 12:  # geometric: a long tail
            sessions += 1
        starts = sorted(rng.triangular(7, 23.5, 14) for _ in range(sessions))
        for start in starts:
            self._session(person, day, start, office, trip, events)

    def _place(self, person: Person, hour: float, office: bool, trip: tuple[str, bool] | None) -> tuple[str, str, bool]:
        """Return network, country, and whether it is a phone's."""
        rng, roll = self.rng, self.rng.random()
        if trip is not None:
            country, moving = trip
            abroad = country != person.country
            if moving and roll < 0.4:  # on the way: airports, trains, a stop in a third country
                via = rng.choice(COUNTRIES) if abroad and rng.random() < 0.4 else rng.choice((country, person.country))
                return f"{via}-transit{rng.randrange(40)}", via, False
            if roll < 0.65:
                return f"{country}-hotel{person.credential % 97}", country, False
            if roll < 0.9:
                if abroad and rng.random() >= self.assume.roaming_home_routed:
                    return f"{country}-mobile{person.carrier}", country, True
                return self._mobile(person), person.country, True
            return f"{country}-cafe{rng.randrange(30)}", country, False
        if office and 9 <= hour < 17.5 and roll < 0.85:
            return person.work or person.home, person.country, False
        if office and (8 <= hour < 9 or 17.5 <= hour < 18.5):
            return self._mobile(person), person.country, True
        if roll < 0.80:
            return person.home, person.country, False
        if roll < 0.94:
            return self._mobile(person), person.country, True
        return self._isp(person.region, person.country), person.country, False  # a friend's, a café's

    def _mobile(self, person: Person) -> str:
        """Return the label of a carrier: one attach in five comes out at another region's gateway."""
        region = person.region if self.rng.random() < 0.8 else (person.region + 1) % REGIONS
        return f"{person.country}-mobile{person.carrier}-r{region}"

    def _session(
        self, person: Person, day: int, start: float, office: bool, trip: tuple[str, bool] | None, events: list[Event]
    ) -> None:
        rng = self.rng
        network, country, phone = self._place(person, start, office, trip)
        if person.throwaway:
            device = self._name("d")
        elif phone and len(person.devices) > 1 and rng.random() < 0.8:
            device = person.devices[1]
        else:
            device = person.devices[0] if rng.random() < 0.7 else rng.choice(person.devices)
        tunnelled = person.vpn and (not phone or rng.random() < 0.4)
        if tunnelled and person.vpn == "hopper":
            person.exit_ = self._exit()
        at = (day * 24 + start) * 3_600
        end = at + rng.uniform(600, 2_400)
        flapping = not phone and rng.random() < 0.03  # weak wireless: back and forth to the carrier's network
        while at < end:
            here, where = person.exit_ if tunnelled else (network, country)
            if not tunnelled:
                if flapping and rng.random() < 0.4:
                    here = self._mobile(person)
                elif person.uplink is not None and network == person.home and rng.random() < 0.5:
                    here = person.uplink
                if person.proxied:
                    here, where = f"proxy{rng.randrange(40)}", rng.choice(COUNTRIES)
            elif person.vpn == "hopper" and rng.random() < 0.1:
                person.exit_ = self._exit()
            events.append(Event(at, person.credential, device, here, where, person.api_key, person.borrower))
            at += rng.uniform(180, 480)
