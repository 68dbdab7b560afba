"""Records shaped after the vendors' published schemas, and the events they are."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine import country
from spine.attribute import ATTRIBUTES
from spine.country import country_code
from spine.event import Event, EventLimits, Rejection, parse_event
from spine.event_type import EventType
from spine.ids import TenantId
from spine.mapper import FAULTS, map_document
from spine.mappers import auth0, keycloak, mappers, okta
from spine.vocabulary import VOCABULARY, unusual

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
AT = "2026-05-06T07:00:00.123Z"
MILLISECONDS = int(datetime(2026, 5, 6, 7, 0, tzinfo=UTC).timestamp() * 1000)
EVER = EventLimits(max_age=timedelta(days=30 * 365))

AUTH0 = {
    "date": AT, "type": "fp", "log_id": "90020260506", "ip": "203.0.113.9", "user_id": "auth0|5f7c8ec7",
    "user_name": "ann@example.com", "connection": "Username-Password-Authentication", "strategy": "auth0",
    "client_id": "AaiyAPdpYdes", "user_agent": "Chrome 120.0.0 / Mac OS X 10.15.7", "hostname": "shop.auth0.com",
    "details": {"error": {"message": "Wrong email or password."}, "session_id": "s-1"},
}  # fmt: skip
OKTA = {
    "uuid": "dc9fd3c0-598c-11ef-8478-2b7584bf8d5a", "published": AT, "eventType": "user.session.start",
    "version": "0", "severity": "INFO", "outcome": {"result": "FAILURE", "reason": "INVALID_CREDENTIALS"},
    "actor": {"id": "00uttidj01jqL21aM1d6", "type": "User", "alternateId": "ann@example.com"},
    "client": {
        "ipAddress": "203.0.113.9", "userAgent": {"rawUserAgent": "Mozilla/5.0"},
        "geographicalContext": {"city": "Kiel", "country": "Germany", "geolocation": {"lat": 54.3, "lon": 10.1}},
    },
    "securityContext": {"asNumber": 64500, "isProxy": False},
    "authenticationContext": {"externalSessionId": "102NLnaOeSGS5Ogg"},
}  # fmt: skip
KEYCLOAK = {
    "id": "f5b1", "time": MILLISECONDS, "type": "LOGIN_ERROR", "realmId": "shop", "clientId": "account",
    "userId": "4c798364", "sessionId": None, "ipAddress": "203.0.113.9", "error": "invalid_user_credentials",
    "details": {"auth_method": "openid-connect", "username": "ann"},
}  # fmt: skip
KEYCLOAK_ADMIN = {
    "time": MILLISECONDS, "realmId": "shop", "operationType": "CREATE", "resourceType": "REALM_ROLE_MAPPING",
    "resourcePath": "users/b3692458/role-mappings/realm", "error": None,
    "authDetails": {"realmId": "master", "clientId": "24cda833", "userId": "51383fc6", "ipAddress": "203.0.113.9"},
}  # fmt: skip
CONSOLE = {
    "eventVersion": "1.08", "eventID": "fed06f42", "eventTime": "2026-05-06T07:00:00Z", "eventName": "ConsoleLogin",
    "eventSource": "signin.amazonaws.com", "sourceIPAddress": "203.0.113.9", "userAgent": "Mozilla/5.0",
    "userIdentity": {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "userName": "ann"},
    "additionalEventData": {"MFAUsed": "No"}, "responseElements": {"ConsoleLogin": "Success"},
}  # fmt: skip
COGNITO = {
    "eventVersion": "1.08", "eventID": "382ae09a", "eventTime": "2026-05-06T07:00:00Z", "eventName": "InitiateAuth",
    "eventSource": "cognito-idp.amazonaws.com", "sourceIPAddress": "203.0.113.9", "userAgent": "aws-sdk",
    "requestParameters": {"authFlow": "USER_PASSWORD_AUTH", "clientId": "1example"},
    "additionalEventData": {"sub": "11111111-2222"}, "responseElements": None,
}  # fmt: skip
OCSF = {
    "class_uid": 3002, "activity_id": 1, "status_id": 2, "time": MILLISECONDS, "status_detail": "INVALID_CREDENTIALS",
    "metadata": {"uid": "m-1", "product": {"name": "Gate"}}, "user": {"uid": "u-1", "name": "ann", "type_id": 2},
    "src_endpoint": {"ip": "203.0.113.9", "location": {"country": "DE", "coordinates": [10.1, 54.3]}},
    "auth_protocol_id": 5, "is_mfa": True, "auth_factors": [{"factor_type_id": 11}, {"factor_type_id": 5}],
    "session": {"uid": "s-1"}, "http_request": {"user_agent": "Mozilla/5.0"},
}  # fmt: skip


def mapped(format: str, record: Any) -> list[Event]:
    """The events of a record, none of which ingest refuses."""
    found = [one for one in map_document(mappers()[format], record) if not isinstance(one, str)]
    assert not [one for one in found if isinstance(one, Rejection)]
    events = [parse_event(one, now=NOW, tenant=TenantId("acme"), limits=EVER) for one in found]
    assert all(isinstance(one, Event) for one in events), events
    return events


def told(format: str, record: Any) -> dict[str, Any]:
    """The one event of a record: its fields and attributes in one."""
    (event,) = mapped(format, record)
    assert unusual(event.type, event.attributes) == ()
    fields = {name: value for name, value in event.model_dump(mode="json").items() if value}
    return {**event.attributes, **fields}


def test_a_failed_login_is_told_whole_by_every_vendor() -> None:
    auth0_says, okta_says, keycloak_says = told("auth0", AUTH0), told("okta", OKTA), told("keycloak", KEYCLOAK)
    ocsf_says = told("ocsf", OCSF)
    for said in (auth0_says, okta_says, keycloak_says, ocsf_says):
        assert (said["type"], said["ip"]) == ("login_failed", "203.0.113.9")
        assert said["occurred_at"].startswith("2026-05-06T07:00:00")
        assert said["error_code"]
    assert [(s["id"], s["user_id"], s["provider"]) for s in (auth0_says, okta_says, keycloak_says, ocsf_says)] == [
        ("auth0:90020260506", "auth0|5f7c8ec7", "Username-Password-Authentication"),
        ("okta:dc9fd3c0-598c-11ef-8478-2b7584bf8d5a", "00uttidj01jqL21aM1d6", "okta"),
        ("keycloak:f5b1", "4c798364", "keycloak"),
        ("ocsf:m-1", "u-1", "saml"),
    ]
    assert [s.get("session_id") for s in (auth0_says, okta_says, ocsf_says)] == ["s-1", "102NLnaOeSGS5Ogg", "s-1"]
    assert (okta_says["asn"], okta_says["latitude"], okta_says["country"]) == (64500, 54.3, "DE")
    assert (ocsf_says["country"], ocsf_says["latitude"], ocsf_says["longitude"]) == ("DE", 54.3, 10.1)
    assert (ocsf_says["factor"], ocsf_says["mfa_used"], ocsf_says["is_admin"]) == ("push", True, True)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("de", "DE"), ("Germany", "DE"), ("United States", "US"), ("C\u00f4te d\u2019Ivoire", "CI"),
        ("Cote d'Ivoire", "CI"),
        ("South Korea", "KR"), ("Korea, Republic of", None), ("T\u00fcrkiye", "TR"), ("St. Lucia", "LC"),
        ("Bosnia & Herzegovina", "BA"), ("The Netherlands", "NL"), ("Niger", "NE"), ("Nigeria", "NG"), ("ZZ", None),
        ("", None), (7, None), (None, None),
    ],
)  # fmt: skip
def test_countries_are_known_by_code_and_by_name(given: object, code: str | None) -> None:
    assert country_code(given) == code


def test_every_fault_is_one_that_is_declared() -> None:
    assert set(FAULTS.values()) == set(ATTRIBUTES["error_class"].values)


def test_no_two_countries_have_one_name() -> None:
    names = [name for entry in country._NAMES.split(";") for name in entry.strip().split(" ", 1)[1].split("|")]
    assert len({country._folded(name) for name in names}) == len(names)
    assert len(country._CODES) == 249


def but(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**record, **changes}


@pytest.mark.parametrize(
    ("format", "record", "expected"),
    [
        ("auth0", but(AUTH0, type="s"), {"type": "login_succeeded"}),
        ("auth0", but(AUTH0, type="fu", user_id=""), {"invalid_user": True, "user_id": "ann@example.com"}),
        ("auth0", but(AUTH0, type="limit_mu"), {"type": "login_blocked", "limited_by": "address"}),
        ("auth0", but(AUTH0, type="gd_auth_rejected"), {"type": "mfa_denied", "first_factor_ok": True}),
        ("auth0", but(AUTH0, type="svr"), {"type": "email_verification_sent", "recipient_domain": "example.com"}),
        ("auth0", but(AUTH0, type="ferrt"), {"type": "session_refresh_failed", "refresh_reused": True}),
        (
            "auth0",
            but(AUTH0, type="sapi", details={"request": {"method": "post", "path": "/api/v2/connections"}}),
            {"type": "admin_action", "admin_action": "idp_created"},
        ),
        (
            "auth0",
            but(AUTH0, type="sapi", details={"request": {"method": "delete", "path": "/api/v2/users/auth0%7C1/roles"}}),
            {"admin_action": "role_revoked"},
        ),
        ("okta", but(OKTA, outcome={"result": "SUCCESS"}), {"type": "login_succeeded"}),
        ("okta", but(OKTA, eventType="user.account.lock"), {"type": "login_locked", "limited_by": "user"}),
        (
            "okta",
            but(OKTA, eventType="policy.evaluate_sign_on", outcome={"result": "CHALLENGE"}),
            {"type": "mfa_challenged"},
        ),
        (
            "okta",
            but(
                OKTA,
                eventType="user.authentication.auth_via_mfa",
                debugContext={"debugData": {"factor": "FIDO_WEBAUTHN"}},
            ),
            {"type": "mfa_failed", "factor": "webauthn"},
        ),
        (
            "okta",
            but(
                OKTA,
                eventType="user.account.privilege.grant",
                outcome={"result": "SUCCESS"},
                target=[{"type": "AppInstance", "id": "0oa"}, {"type": "User", "id": "00u2"}],
            ),
            {"type": "admin_action", "admin_action": "role_granted", "target_user_id": "00u2"},
        ),
        ("keycloak", but(KEYCLOAK, type="LOGIN", error=None), {"type": "login_succeeded"}),
        (
            "keycloak",
            but(KEYCLOAK, error="user_not_found", userId=None),
            {"type": "login_failed", "invalid_user": True, "user_id": "ann"},
        ),
        ("keycloak", but(KEYCLOAK, error="user_temporarily_disabled"), {"type": "login_blocked"}),
        (
            "keycloak",
            but(KEYCLOAK, type="CODE_TO_TOKEN_ERROR", error="invalid_client_credentials"),
            {"type": "oauth_callback_error", "error_class": "configuration"},
        ),
        (
            "keycloak",
            but(KEYCLOAK, type="IDENTITY_PROVIDER_LOGIN_ERROR", error="access_denied"),
            {"oauth_error": "access_denied", "error_class": "user"},
        ),
        (
            "auth0",
            but(AUTH0, type="feacft", details={"error": {"oauthError": "invalid_grant"}}),
            {"type": "oauth_callback_error", "error_class": "local_state", "flow": "authorization_code"},
        ),
        (
            "keycloak",
            but(KEYCLOAK, type="IDENTITY_PROVIDER_LOGIN_ERROR", details={"identity_provider": "google"}),
            {"type": "oauth_callback_error", "provider": "google", "stage": "callback"},
        ),
        (
            "keycloak",
            but(
                KEYCLOAK, type="REFRESH_TOKEN_ERROR", details={"reason": "Maximum allowed refresh token reuse exceeded"}
            ),
            {"type": "session_refresh_failed", "refresh_reused": True},
        ),
        (
            "keycloak",
            KEYCLOAK_ADMIN,
            {
                "type": "admin_action",
                "admin_action": "role_granted",
                "target_user_id": "b3692458",
                "user_id": "51383fc6",
            },
        ),
        ("keycloak", but(KEYCLOAK_ADMIN, error="forbidden"), {"type": "admin_action_denied"}),
        ("cloudtrail", CONSOLE, {"type": "login_succeeded", "mfa_used": False, "user_id": "AIDAEXAMPLE"}),
        (
            "cloudtrail",
            but(CONSOLE, responseElements={"ConsoleLogin": "Failure"}, errorMessage="Failed authentication"),
            {"type": "login_failed", "error_code": "Failed authentication"},
        ),
        (
            "cloudtrail",
            but(
                CONSOLE,
                responseElements={"ConsoleLogin": "Failure"},
                errorMessage="No username found in supplied account",
                userIdentity={"type": "IAMUser", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"},
            ),
            {"type": "login_failed", "invalid_user": True},
        ),
        ("cloudtrail", but(CONSOLE, sourceIPAddress="AWS Internal"), {"remote_host": "AWS Internal"}),
        (
            "cloudtrail",
            but(
                CONSOLE,
                eventSource="iam.amazonaws.com",
                eventName="AttachUserPolicy",
                requestParameters={"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
            ),
            {"type": "admin_action", "admin_action": "role_granted", "target_user_id": "bob"},
        ),
        ("cloudtrail", COGNITO, {"type": "login_succeeded", "user_id": "11111111-2222", "client_id": "1example"}),
        ("cloudtrail", but(COGNITO, errorCode="NotAuthorizedException"), {"type": "login_failed"}),
        ("cloudtrail", but(COGNITO, errorCode="UserNotFoundException"), {"invalid_user": True}),
        ("cloudtrail", but(COGNITO, errorCode="TooManyRequestsException"), {"type": "login_throttled"}),
        (
            "cloudtrail",
            but(COGNITO, responseElements={"challengeName": "SOFTWARE_TOKEN_MFA"}),
            {"type": "mfa_challenged", "factor": "totp"},
        ),
        (
            "cloudtrail",
            but(COGNITO, requestParameters={"authFlow": "REFRESH_TOKEN_AUTH"}, errorCode="NotAuthorizedException"),
            {"type": "session_refresh_failed"},
        ),
        (
            "cloudtrail",
            but(COGNITO, eventName="ConfirmForgotPassword", errorCode="ExpiredCodeException"),
            {"type": "password_reset_link_rejected", "link_problem": "expired"},
        ),
        (
            "cloudtrail",
            but(COGNITO, eventName="Token_POST", additionalEventData={"responseParameters": {"status": 400.0}}),
            {"type": "oauth_callback_error", "stage": "exchange", "http_status": 400},
        ),
        ("ocsf", but(OCSF, status_id=1), {"type": "login_succeeded"}),
        ("ocsf", but(OCSF, status_id=99, status="Success"), {"type": "login_succeeded"}),
        ("ocsf", but(OCSF, status_detail="ACCOUNT_LOCKED_OUT"), {"type": "login_blocked", "limited_by": "user"}),
        ("ocsf", but(OCSF, activity_id=2), {"type": "session_ended"}),
    ],
)
def test_a_record_is_the_event_it_tells_of(format: str, record: dict[str, Any], expected: dict[str, Any]) -> None:
    assert told(format, record).items() >= expected.items()


def test_an_answered_challenge_is_a_factor_and_the_login() -> None:
    answer = but(COGNITO, eventName="RespondToAuthChallenge", requestParameters={"challengeName": "SMS_MFA"})
    events = mapped("cloudtrail", answer)
    assert [(e.type.value, e.id) for e in events] == [
        ("mfa_succeeded", "aws:382ae09a"),
        ("login_succeeded", "aws:382ae09a:1"),
    ]
    failed = but(answer, errorCode="CodeMismatchException")
    assert told("cloudtrail", failed).items() >= {"type": "mfa_failed", "first_factor_ok": True}.items()


def test_a_call_of_the_applications_server_has_not_the_users_address() -> None:
    (event,) = mapped("cloudtrail", but(COGNITO, eventName="AdminInitiateAuth"))
    assert (event.type, event.ip, event.user_agent) == (EventType.LOGIN_SUCCEEDED, None, None)


@pytest.mark.parametrize(
    ("format", "record", "label"),
    [
        ("auth0", but(AUTH0, type="depnote"), "depnote"),
        ("auth0", but(AUTH0, type="fsa"), "fsa"),
        ("okta", but(OKTA, eventType="zone.update"), "zone.update"),
        ("okta", but(OKTA, eventType="user.session.end"), "user.session.end"),
        ("keycloak", but(KEYCLOAK, type="CLIENT_INFO"), "CLIENT_INFO"),
        ("cloudtrail", but(CONSOLE, eventSource="ec2.amazonaws.com"), "ec2.amazonaws.com ConsoleLogin"),
        ("cloudtrail", but(COGNITO, responseElements={"challengeName": "PASSWORD_VERIFIER"}), None),
        ("ocsf", but(OCSF, class_uid=3001), "class_uid 3001"),
        ("ocsf", but(OCSF, activity_id=6, status_id=1), "class_uid 3002"),
    ],
)
def test_what_tells_of_no_login_is_skipped_by_its_name(format: str, record: dict[str, Any], label: str | None) -> None:
    assert list(map_document(mappers()[format], record)) == [label or "cognito-idp.amazonaws.com InitiateAuth"]


@pytest.mark.parametrize(
    ("format", "record", "reason"),
    [
        ("auth0", but(AUTH0, type=None), "malformed"),
        ("auth0", but(AUTH0, date="yesterday"), "bad_time"),
        ("okta", but(OKTA, outcome={}), "malformed"),
        ("keycloak", but(KEYCLOAK, time=None), "bad_time"),
        ("cloudtrail", but(CONSOLE, responseElements=None), "malformed"),
        ("cloudtrail", but(CONSOLE, eventName=7.5), "malformed"),
        ("ocsf", but(OCSF, status_id=0), "malformed"),
        ("ocsf", but(OCSF, user={}), "malformed"),
        ("ocsf", "no object", "malformed"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_reason(format: str, record: Any, reason: str) -> None:
    (found,) = map_document(mappers()[format], record)
    assert isinstance(found, Rejection)
    assert found.reason.value == reason


def test_control_characters_and_half_characters_reach_neither_events_nor_counters() -> None:
    broken = json.loads('"x\\ud800\\u0007"')
    assert list(map_document(mappers()["keycloak"], but(KEYCLOAK, type=broken))) == ["x"]
    assert (
        told("keycloak", but(KEYCLOAK, userId=broken, error=broken)).items()
        >= {"user_id": "x", "error_code": "x?"}.items()
    )
    (raw,) = map_document(mappers()["keycloak"], but(KEYCLOAK, id=broken))
    assert isinstance(raw, dict)
    refused = parse_event(raw, now=NOW, tenant=TenantId("acme"), limits=EVER)
    assert isinstance(refused, Rejection)
    assert refused.reason.value == "malformed"


def test_a_record_that_is_nested_too_deeply_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"d": deep}
    (found,) = map_document(mappers()["keycloak"], but(KEYCLOAK_ADMIN, details=deep))
    assert isinstance(found, Rejection)


@pytest.mark.parametrize(
    ("format", "envelope"),
    [
        ("auth0", {"log_id": "90020260506", "data": AUTH0}),
        ("auth0", {"source": "aws.partner/auth0.com", "detail": {"data": AUTH0}}),
        ("okta", {"eventType": "com.okta.event_hook", "data": {"events": [OKTA]}}),
        ("okta", {"source": "aws.partner/okta.com", "detail": OKTA}),
        ("cloudtrail", {"Records": [CONSOLE]}),
        ("cloudtrail", {"detail-type": "AWS Console Sign In via CloudTrail", "detail": CONSOLE}),
    ],
)
def test_an_envelope_gives_what_it_holds(format: str, envelope: dict[str, Any]) -> None:
    plain = {"auth0": AUTH0, "okta": OKTA, "cloudtrail": CONSOLE}[format]
    assert mapped(format, envelope) == mapped(format, plain)


def test_an_id_is_the_same_each_time_and_another_for_another_record() -> None:
    first, again = mapped("keycloak", KEYCLOAK_ADMIN), mapped("keycloak", dict(reversed(KEYCLOAK_ADMIN.items())))
    (other,) = mapped("keycloak", but(KEYCLOAK_ADMIN, time=MILLISECONDS + 1))
    assert first == again
    assert other.id != first[0].id


def table_entries() -> Iterable[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(format, a record of that kind, what its table knows) for every entry of the vendors' tables."""
    for code, (_, known) in auth0._TYPES.items():
        yield "auth0", but(AUTH0, type=code), known
    for name, (well, badly, known) in okta._TYPES.items():
        yield from (("okta", but(OKTA, eventType=name, outcome={"result": "ALLOW"}), known) for _ in [well] if well)
        yield from (("okta", but(OKTA, eventType=name, outcome={"result": "DENY"}), known) for _ in [badly] if badly)
    for kind, (_, known) in keycloak._TYPES.items():
        yield "keycloak", but(KEYCLOAK, type=kind), known


@pytest.mark.parametrize(("format", "record", "known"), table_entries())
def test_what_a_table_knows_is_declared_for_its_type(
    format: str, record: dict[str, Any], known: dict[str, Any]
) -> None:
    (event,) = mapped(format, record)
    assert unusual(event.type, event.attributes) == ()
    assert set(known) & set(ATTRIBUTES) <= {*VOCABULARY[event.type].attributes}, event.type


def test_failures_and_successes_are_both_told() -> None:
    reached = Counter[tuple[str, EventType]]()
    for format, record, _ in table_entries():
        reached.update((format, event.type) for event in mapped(format, record))
    for format in ("auth0", "okta", "keycloak"):
        types = {kind for vendor, kind in reached if vendor == format}
        for pair in (
            {EventType.LOGIN_SUCCEEDED, EventType.LOGIN_FAILED},
            {EventType.OAUTH_CALLBACK_OK, EventType.OAUTH_CALLBACK_ERROR},
            {EventType.PASSWORD_RESET_REQUESTED, EventType.PASSWORD_RESET_FAILED},
        ):
            assert pair <= types, format


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
SAMPLES = [("auth0", AUTH0), ("okta", OKTA), ("keycloak", KEYCLOAK), ("keycloak", KEYCLOAK_ADMIN),
           ("cloudtrail", CONSOLE), ("cloudtrail", COGNITO), ("ocsf", OCSF)]  # fmt: skip


@pytest.mark.parametrize(("format", "sample"), SAMPLES)
@given(data=st.data())
def test_any_value_anywhere_is_an_event_a_refusal_or_skipped(format: str, sample: dict[str, Any], data: Any) -> None:
    record = json.loads(json.dumps(sample))
    place = record
    while True:
        name = data.draw(st.sampled_from(sorted(place)))
        if not (isinstance(place[name], dict) and place[name] and data.draw(st.booleans())):
            break
        place = place[name]
    place[name] = data.draw(JSON)
    for found in map_document(mappers()[format], record):
        if isinstance(found, dict):
            parse_event(found, now=NOW, tenant=TenantId("acme"), limits=EVER)
        else:
            assert isinstance(found, str | Rejection)


def test_every_mapper_declares_what_it_reads_under_the_name_of_its_file() -> None:
    folder = Path(auth0.__file__).parent
    assert set(mappers()) == {file.stem for file in folder.glob("[!_]*.py")} - {"sshd"}
    for name, mapper in mappers().items():
        assert name == mapper.name
        assert all((mapper.title, mapper.reads, mapper.source))


def vendor_of(log: dict[str, Any]) -> str | None:
    if "eventSource" in log:
        return "cloudtrail"
    if "eventType" in log and ("outcome" in log or "actor" in log):
        return "okta"
    return "auth0" if isinstance(log.get("data"), dict) and "type" in log["data"] else None


def test_real_vendor_records_are_understood(public_data: Path) -> None:
    """Samples that other people's rules are tested with; some are cut down and lack a time or an outcome."""
    got: dict[str, Counter[str]] = {name: Counter() for name in mappers()}
    with gzip.open(public_data / "panther_auth_unit_tests.jsonl.gz", "rt") as file:
        logs = [json.loads(line)["log"] for line in file]
    for log in logs:
        if isinstance(log, dict) and (format := vendor_of(log)) is not None:
            for found in map_document(mappers()[format], log):
                if isinstance(found, dict):
                    event = parse_event(found, now=datetime.now(UTC), tenant=TenantId("acme"), limits=EVER)
                    assert isinstance(event, Event), event
                    assert unusual(event.type, event.attributes) == ()
                    got[format][event.type.value] += 1
                elif isinstance(found, Rejection):
                    got[format][found.reason.value] += 1
                    complete = log.get("eventTime") or (
                        str(log.get("published", "r"))[0].isdigit() and "outcome" in log
                    )
                    answered = log.get("responseElements") or log.get("outcome")
                    assert not (complete and answered), log
    assert got["auth0"] == {
        "admin_action": 44, "signup_failed": 5, "mfa_enrolled": 3, "login_blocked": 2, "login_failed": 1,
        "session_refresh_failed": 1,
    }  # fmt: skip
    assert got["cloudtrail"]["login_succeeded"] == 20
    assert got["cloudtrail"]["login_failed"] == 5
    assert got["okta"]["login_succeeded"] == 12
    assert got["okta"]["login_failed"] == 1
