"""Where addresses are, by a MaxMind file: filled in at ingest, used for how far apart two logins were."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from spine.detect.session.impossible_travel import NAME
from spine.errors import Refused
from spine.event import Event
from spine.ids import TenantId
from spine.settings import Settings
from store.engine import Database
from store.geo import GeoIp, Located
from store.ingest import ingest
from tasks.detecting import tick

ACME, NOW = TenantId("acme"), datetime.now(UTC).replace(microsecond=0)
KEHL, STRASBOURG, TOKYO = (48.58, 7.82), (48.57, 7.75), (35.68, 139.69)


@pytest.fixture
def geo(tmp_path: Path) -> GeoIp:
    writer = MMDBWriter(6, "GeoLite2-City", ipv4_compatible=True)
    for network, country, (latitude, longitude) in (
        ("198.51.100.0/25", "DE", KEHL), ("198.51.100.128/25", "FR", STRASBOURG), ("203.0.113.0/24", "JP", TOKYO),
    ):  # fmt: skip
        place = {"country": {"iso_code": country}, "location": {"latitude": latitude, "longitude": longitude}}
        writer.insert_network(IPSet([network]), place)
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"country": {"iso_code": "CH"}})
    file = tmp_path / "city.mmdb"
    writer.to_db_file(str(file))
    return GeoIp(file)


def login(ip: str, minutes: float, **fields: object) -> Event:
    given = {"id": f"{ip}-{minutes}", "type": "login_succeeded", "user_id": "ada", "tenant_id": ACME, "ip": ip}
    return Event.model_validate({**given, "occurred_at": NOW - timedelta(minutes=minutes), **fields})


def test_an_event_is_told_what_it_did_not_say(geo: GeoIp) -> None:
    found = geo.event(login("198.51.100.7", 1))
    assert (found.country, found.attributes["latitude"]) == ("DE", pytest.approx(KEHL[0], abs=0.01))


def test_what_an_event_says_itself_stands(geo: GeoIp) -> None:
    said = login("198.51.100.7", 1, country="AT", attributes={"latitude": 1.0, "longitude": 2.0})
    assert geo.event(said) == said


@pytest.mark.parametrize("ip", ["10.0.0.1", "2001:db8::1", "not an address", ""])
def test_of_an_address_that_is_in_no_file_nothing_is_told(geo: GeoIp, ip: str) -> None:
    assert geo.find(ip) is None


def test_a_country_file_knows_no_coordinates(geo: GeoIp) -> None:
    assert geo.find("192.0.2.9") == Located("CH", None, None)


def test_a_table_is_filled_where_it_is_silent(geo: GeoIp) -> None:
    frame = pd.DataFrame({"ip": ["198.51.100.7", "203.0.113.9", None, "10.0.0.1"], "country": [None, "KR", None, None]})
    filled = geo.table(pa.Table.from_pandas(frame, preserve_index=False))
    assert filled.column("country").to_pylist() == ["DE", "KR", None, None]
    assert filled.column("latitude").null_count == 2
    bare = geo.table(pa.table({"ip": ["203.0.113.9"], "attributes": ["{}"]}))
    assert bare.column_names == ["ip", "attributes", "country"]


def test_a_file_that_is_none_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "no.mmdb").write_bytes(b"not a database")
    with pytest.raises(Refused, match="OPSSPINE_GEOIP_FILE"):
        GeoIp(tmp_path / "no.mmdb")
    assert GeoIp.of(None) is None


@pytest.mark.parametrize(("there", "fires"), [("198.51.100.200", False), ("203.0.113.9", True)])
def test_crossing_a_bridge_is_no_journey_and_tokyo_within_minutes_is(
    database: Database, geo: GeoIp, there: str, fires: bool
) -> None:
    """Between the middles of France and Germany lie 700 km, between the two ends of the bridge five."""
    moves = [
        login("198.51.100.7", 30, user_agent="phone"), login(there, 10, user_agent="a strange browser"),
    ]  # fmt: skip
    ingest(database, ACME, [geo.event(one) for one in moves])
    found = tick(database, Settings(), NOW).findings
    assert any(one.detector == NAME and one.margin >= 1 for one in found) is fires
    ingest(
        database,
        TenantId("rough"),
        [
            one.model_copy(update={"tenant_id": "rough", "country": c})
            for one, c in zip(moves, ("DE", "FR" if not fires else "JP"), strict=True)
        ],
    )
    assert any(one.tenant_id == "rough" and one.margin >= 1 for one in tick(database, Settings(), NOW).findings)
