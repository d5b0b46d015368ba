"""Where a name leads and where a probe went, without a resolver of the sandbox: as the operating system has it."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from recovery_ops.aws import names, traffic
from recovery_ops.aws.names import Answer, leads_to, resolve
from recovery_ops.aws.traffic import Probe, whose

NAME, HOME_DOOR, AWAY_DOOR = "rank.example.com", "d-1.execute-api.us-east-1.amazonaws.com", "d-2.example.net"
DOORS = {"us-east-1": HOME_DOOR, "us-west-2": AWAY_DOOR}


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, list[str], list[str]]]:
    """What the operating system answers for a name: the last name of the chain, the ones before, the addresses."""
    answers = {HOME_DOOR: (HOME_DOOR, [], ["192.0.2.1"]), AWAY_DOOR: (AWAY_DOOR, [], ["192.0.2.2"])}

    def ask(name: str) -> tuple[str, list[str], list[str]]:
        if name not in answers:
            raise socket.gaierror(name)
        return answers[name]

    monkeypatch.setattr(socket, "gethostbyname_ex", ask)
    monkeypatch.setattr(names, "_addresses", {})
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    return answers


def went(name: str = NAME) -> Probe:
    """Return a probe that went to the first address of a name and was answered by a host that says no region."""
    answer = resolve(name, None)
    assert answer is not None
    return Probe(ok=True, region="", status=200, seconds=0.1, names=answer.names, address=answer.addresses[0])


def test_a_chain_of_names_tells_the_door_also_where_it_leads_on(dns: dict[str, Any]) -> None:
    dns[NAME] = ("edge.example.net", [NAME, "D-2.example.net."], ["198.51.100.1"])
    assert whose(went(), DOORS) == "us-west-2"
    assert (leads_to(NAME, AWAY_DOOR, None), leads_to(NAME, HOME_DOOR, None)) == (True, False)


def test_alias_records_show_no_name_so_addresses_tell(dns: dict[str, Any]) -> None:
    dns[NAME] = (NAME, [], ["192.0.2.1"])
    assert whose(went(), DOORS) == "us-east-1"
    assert (leads_to(NAME, HOME_DOOR, None), leads_to(NAME, AWAY_DOOR, None)) == (True, False)


def test_addresses_that_aws_gives_in_turn_are_remembered(dns: dict[str, Any]) -> None:
    dns[NAME] = (NAME, [], ["192.0.2.1"])
    assert whose(went(), DOORS) == "us-east-1"
    dns[HOME_DOOR] = (HOME_DOOR, [], ["192.0.2.77"])
    assert whose(went(), DOORS) == "us-east-1"


@pytest.mark.parametrize("shared", [["203.0.113.9"], ["192.0.2.2"]], ids=["of nobody", "of both"])
def test_an_address_of_nobody_or_of_both_tells_nothing(dns: dict[str, Any], shared: list[str]) -> None:
    dns[NAME], dns[HOME_DOOR] = (NAME, [], shared), (HOME_DOOR, [], ["192.0.2.2"])
    assert whose(went(), DOORS) == ""


def test_a_name_without_an_answer_leads_nowhere(dns: dict[str, Any]) -> None:
    assert resolve("gone.example.com", None) is None
    assert leads_to("gone.example.com", HOME_DOOR, None) is None
    assert traffic.probe("gone.example.com", "/", b"{}", resolver=None).detail == "gone.example.com: no answer"


def test_behind_a_proxy_the_name_is_asked_for_and_its_chain_still_tells(
    dns: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    dns[NAME] = (AWAY_DOOR, [NAME], ["192.0.2.2"])
    answer = resolve(NAME, None)
    assert answer is not None
    assert (answer.urls, answer.addresses) == ((f"https://{NAME}",), ())
    assert AWAY_DOOR in answer.names


class _Door(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A door that speaks TLS as ``NAME`` and no other name; returns its port."""
    key = ec.generate_private_key(ec.SECP256R1())
    own, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]), datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(own).issuer_name(own).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    pem, secret = (
        tmp_path / "door.pem",
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    pem.write_bytes(secret + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    speaks = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    speaks.load_cert_chain(pem)
    server = HTTPServer(("127.0.0.1", 0), _Door)
    server.socket = speaks.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(traffic, "trust", lambda: ssl.create_default_context(cafile=str(pem)))
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def at(monkeypatch: pytest.MonkeyPatch, *places: str) -> None:
    found = Answer(
        host=AWAY_DOOR,
        urls=tuple(f"https://{place}" for place in places),
        ttl_s=0.0,
        names=frozenset({NAME, AWAY_DOOR}),
        addresses=tuple(place.split(":")[0] for place in places),
    )
    monkeypatch.setattr(traffic, "resolve", lambda *_: found)


def test_a_probe_goes_to_the_address_that_was_resolved_and_believes_the_name_only(
    door: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, f"127.0.0.1:{door}")
    answer = traffic.probe(NAME, "/score", b"{}", resolver=None)
    assert (answer.ok, answer.address, whose(answer, DOORS)) == (True, "127.0.0.1", "us-west-2")
    other = traffic.probe("other.example.com", "/score", b"{}", resolver=None)
    assert not other.ok
    assert "certificate" in other.detail.lower()


def test_an_address_that_takes_no_connection_is_passed_over(door: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.2", 0))
        at(monkeypatch, f"127.0.0.2:{nobody.getsockname()[1]}", f"127.0.0.1:{door}")
        answer = traffic.probe(NAME, "/score", b"{}", resolver=None)
    assert (answer.ok, answer.address) == (True, "127.0.0.1")
