"""The flag controller of the library: no database, no server."""

import pytest

from spine.errors import Refused
from spine.flag import FlagController, MemoryFlags
from spine.ids import TenantId


def _set(flags: FlagController, value: object, **more: object) -> int:
    return flags.set_flag("checkout.new", value, actor="ada@example.org", reason="drill", **more)


def test_what_is_set_is_read_and_the_history_names_who_and_why() -> None:
    flags = FlagController()
    assert flags.get_bool("checkout.new") is False
    assert flags.get_bool("checkout.new", default=True) is True
    _set(flags, True)
    assert flags.get_bool("checkout.new") is True
    _set(flags, False)
    assert flags.get_bool("checkout.new", default=True) is False
    assert [(v.version, v.actor, v.reason) for v in flags.history("checkout.new")] == [
        (1, "ada@example.org", "drill"),
        (2, "ada@example.org", "drill"),
    ]


def test_a_revert_restores_the_exact_version_not_false() -> None:
    flags = FlagController()
    _set(flags, True)
    first = flags.history("checkout.new")[0].definition
    _set(flags, False)
    assert flags.revert("checkout.new", 1, actor="ada@example.org", reason="back") == 3
    assert flags.history("checkout.new")[-1].definition == first
    assert flags.get_bool("checkout.new") is True
    with pytest.raises(Refused, match="no version 9"):
        flags.revert("checkout.new", 9, actor="ada@example.org", reason="back")


def test_tenants_share_a_store_and_nothing_else() -> None:
    store = MemoryFlags()
    one, other = (FlagController(store, tenant=TenantId(t)) for t in ("one", "other"))
    _set(one, True)
    assert one.get_bool("checkout.new") is True
    assert other.get_bool("checkout.new") is False
    assert other.history("checkout.new") == []


def test_a_change_of_type_an_unsigned_change_and_a_lost_race_are_refused() -> None:
    flags = FlagController()
    _set(flags, True)
    with pytest.raises(Refused, match="different types"):
        _set(flags, "yes")
    with pytest.raises(Refused, match="an actor and a reason"):
        flags.set_flag("checkout.new", False, actor="ada@example.org", reason=" ")
    with pytest.raises(Refused) as lost:
        _set(flags, False, expected_version=0)
    assert lost.value.code == "flag.conflict"
    assert flags.get_bool("checkout.new") is True


def test_numbers_and_strings_keep_earlier_values_as_variants() -> None:
    flags = FlagController()
    _set(flags, 5)
    _set(flags, 7)
    _set(flags, 5)
    last = flags.history("checkout.new")[-1].definition
    assert last.variants == {"set": 5, "v2": 7}
    assert last.default == 5
