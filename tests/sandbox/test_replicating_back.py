"""Sending again what was written before replication back stood, while clients go on writing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sandbox_clients import HOME, RECOVERY, Aws

from recovery_ops.aws import pinned, replication, worlds
from recovery_ops.aws.calls import Caller, calling_as

pytestmark = pytest.mark.sandbox
ROLE = "arn:aws:iam::123456789012:role/replication"


class Served:
    """A bucket that clients write to in the recovery region, and the one at home that everything is to go back to."""

    def __init__(self, aws: Aws) -> None:
        self.s3 = aws.client("s3", RECOVERY)
        self.home = aws.client("s3", HOME)
        self.bucket, self.healed = aws.bucket(RECOVERY), aws.bucket(HOME)
        self.write("k", b"v1")
        rule = {
            "ID": "back",
            "Status": "Enabled",
            "Priority": 1,
            "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Enabled"},
            "Destination": {"Bucket": f"arn:aws:s3:::{self.healed}"},
        }
        self.s3.put_bucket_replication(Bucket=self.bucket, ReplicationConfiguration={"Role": ROLE, "Rules": [rule]})

    def write(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def remove(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def seen(self, key: str) -> bytes | None:
        """Return what a client reads, ``None`` when the key is hidden."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key).get("Contents", [])
        return bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()) if listed else None

    def send(self) -> list[str]:
        with calling_as(Caller(run_id="r-1", step="debts")):
            return replication.replicate_back((self.bucket, RECOVERY), (self.healed, HOME), "")

    def versions(self) -> int:
        answer = self.s3.list_object_versions(Bucket=self.bucket)
        return len(answer.get("Versions", [])) + len(answer.get("DeleteMarkers", []))


@pytest.fixture
def served(aws: Aws, sandbox: Any) -> Iterator[Served]:
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    with worlds.speaking_to({"AWS_ENDPOINT_URL": sandbox.base_url} | keys):
        yield Served(aws)


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], None]], None]:
    """Let a client act once, right after the library has called a function of S3 for the last time before it acts."""

    def arrange(name: str, act: Callable[[], None]) -> None:
        real, todo = getattr(replication, name), [act]

        def then_act(*args: Any, **options: Any) -> Any:
            answer = real(*args, **options)
            if todo and not (name == "list_versions" and args[2] != HOME):
                todo.pop()()
            return answer

        monkeypatch.setattr(replication, name, then_act)

    return arrange


MOMENTS = pytest.mark.parametrize("moment", ["list_versions", "head"])


def test_what_was_written_before_the_rule_is_sent_again(served: Served) -> None:
    assert served.send() == [f"1 objects under s3://{served.bucket}/ were sent again"]
    assert served.seen("k") == b"v1"
    assert served.versions() == 2


@MOMENTS
def test_a_write_in_between_is_not_replaced(served: Served, after: Any, moment: str) -> None:
    after(moment, lambda: served.write("k", b"v2"))
    assert served.send() == []
    assert served.seen("k") == b"v2"
    assert served.versions() == 2


@MOMENTS
def test_a_key_that_is_removed_in_between_stays_removed(served: Served, after: Any, moment: str) -> None:
    after(moment, lambda: served.remove("k"))
    assert served.send() == []
    assert served.seen("k") is None


@pytest.fixture
def hidden(served: Served) -> Served:
    """The key was removed where clients are, and home still shows it."""
    served.remove("k")
    served.home.put_object(Bucket=served.healed, Key="k", Body=b"v0")
    return served


def test_a_key_that_is_hidden_is_hidden_again(hidden: Served) -> None:
    before = hidden.versions()
    assert hidden.send() == [f"1 objects under s3://{hidden.bucket}/ were sent again"]
    assert (hidden.seen("k"), hidden.versions()) == (None, before + 1)


@MOMENTS
def test_a_key_that_is_made_again_in_between_stays_visible(hidden: Served, after: Any, moment: str) -> None:
    after(moment, lambda: hidden.write("k", b"v2"))
    hidden.send()
    assert hidden.seen("k") == b"v2"


def test_a_key_that_a_client_hides_after_us_is_not_brought_back(
    hidden: Served, after: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    after("head", lambda: hidden.write("k", b"v2"))
    real = pinned.hide

    def hide(*args: Any) -> str:
        marker = real(*args)
        hidden.remove("k")
        return marker

    monkeypatch.setattr(replication, "hide", hide)
    hidden.send()
    assert hidden.seen("k") is None
