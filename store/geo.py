"""Where addresses are, by a MaxMind file (GeoLite2 or GeoIP2, City or Country) that the user supplies.

Used at ingest, for events that do not say it themselves: the country, and, of a City file, the coordinates. Rows that
applications insert into PostgreSQL directly are taken as they are.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb
import pyarrow as pa
import pyarrow.compute as pc

from spine.errors import Refused
from spine.event import Event

_REMEMBERED = 50_000
_COUNTRY = (("country", pa.string()),)
_COORDINATES = (("latitude", pa.float64()), ("longitude", pa.float64()))
Table = Any


class Located(NamedTuple):
    """What the file says of one address."""

    country: str | None
    """ISO 3166 alpha-2."""
    latitude: float | None
    longitude: float | None


class GeoIp:
    """One opened file. Reading is thread-safe; a file that is replaced is read at the next start."""

    def __init__(self, path: Path) -> None:
        """Raises Refused when there is no such file, or it is none of MaxMind's."""
        try:
            self._reader = maxminddb.open_database(path)
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            because = f"{path} cannot be read as a MaxMind file ({error}); correct OPSSPINE_GEOIP_FILE or unset it"
            raise Refused("geoip.file", because) from error
        self.find = lru_cache(_REMEMBERED)(self._find)

    @classmethod
    def of(cls, path: Path | None) -> "GeoIp | None":
        """The file the settings name; None = they name none."""
        return None if path is None else cls(path)

    def _find(self, ip: str) -> Located | None:
        """What is known of `ip`; None = nothing, or it is no address."""
        try:
            found = self._reader.get(ip)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None
        if not isinstance(found, dict):
            return None
        country, location = _part(found, "country"), _part(found, "location")
        code, latitude, longitude = country.get("iso_code"), location.get("latitude"), location.get("longitude")
        return Located(str(code) if code else None, _number(latitude), _number(longitude))

    def event(self, event: Event) -> Event:
        """`event` with what it did not say itself."""
        found = self.find(event.ip) if event.ip else None
        if found is None:
            return event
        changes: dict[str, Any] = {}
        if event.country is None and found.country is not None:
            changes["country"] = found.country
        if not {"latitude", "longitude"} & event.attributes.keys() and found.latitude is not None:
            changes["attributes"] = {**event.attributes, "latitude": found.latitude, "longitude": found.longitude}
        return event.model_copy(update=changes) if changes else event

    def table(self, table: Table) -> Table:
        """An Arrow table of events, with what its rows did not say themselves; columns as `store.columnar` reads.

        Coordinates are added only where attributes are columns, too: in a column of JSON they may stand already.
        """
        if "ip" not in table.column_names:
            return table
        wanted = _COUNTRY if "attributes" in table.column_names else (*_COUNTRY, *_COORDINATES)
        encoded = table.column("ip").combine_chunks().cast(pa.string()).dictionary_encode()
        found = [self.find(ip) for ip in encoded.dictionary.to_pylist()]
        for name, kind in wanted:
            known = pa.array([getattr(one, name) if one else None for one in found], kind).take(encoded.indices)
            table = _filled(table, name, known)
        return table


def _filled(table: Table, name: str, known: Any) -> Table:
    """`table` with `known` where its column says nothing."""
    if name not in table.column_names:
        return table.append_column(name, known)
    own = table.column(name).combine_chunks().cast(known.type)
    return table.set_column(table.column_names.index(name), name, pc.coalesce(own, known))


def _part(found: dict[str, Any], name: str) -> dict[str, Any]:
    part = found.get(name)
    return part if isinstance(part, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
