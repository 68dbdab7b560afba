"""What people and applications may name: nothing that another line, or another tenant, could hide behind."""

import pytest

from spine.errors import Refused
from spine.ids import NO_TENANT, tenant_id
from spine.oncall.reach import refuse_unknown


@pytest.mark.parametrize("text", ["acme\n", "a b", "-acme", "acme/globex", "é", "a" * 129])
def test_a_tenant_is_named_by_letters_digits_and_four_marks(text: str) -> None:
    with pytest.raises(Refused, match="is no tenant id"):
        tenant_id(text)


def test_no_name_is_the_single_tenant() -> None:
    assert tenant_id(None) == tenant_id("") == NO_TENANT
    assert tenant_id("a" * 128) == "a" * 128


@pytest.mark.parametrize(
    ("channel", "address"),
    [("email", "ann@example.org\n"), ("slack", "U0123ABCD\n"), ("pagerduty", "k" * 32 + "\n")],
)
def test_an_address_ends_where_its_line_ends(channel: str, address: str) -> None:
    refuse_unknown(channel, address.strip(), ())
    with pytest.raises(Refused):
        refuse_unknown(channel, address, ())
