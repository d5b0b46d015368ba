"""The contract of an object store, held by every implementation."""

from collections.abc import Iterator
from threading import Thread

import pytest

from recovery_ops.errors import KeyChangedError, KeyExistsError
from recovery_ops.record.store import ObjectStore
from recovery_ops.testing.moto_alone import moto_alone
from recovery_ops.testing.stores import InMemoryObjectStore

REGION = "us-west-2"


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    if request.param == "memory":
        yield InMemoryObjectStore()
        return
    yield from _on_moto()


def _on_moto() -> Iterator[ObjectStore]:
    import boto3

    from recovery_ops.aws.object_store import open_store

    with moto_alone():
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="record", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket="record", VersioningConfiguration={"Status": "Enabled"})
        yield open_store("record", REGION)


def test_what_was_put_is_got_with_its_etag(store: ObjectStore) -> None:
    etag = store.put_new("a/b#1.json", b"one")
    assert store.get("a/b#1.json") == (b"one", etag)


def test_a_key_that_is_not_there_is_none(store: ObjectStore) -> None:
    assert store.get("a") is None


def test_a_key_is_written_once(store: ObjectStore) -> None:
    etag = store.put_new("a", b"one")
    with pytest.raises(KeyExistsError):
        store.put_new("a", b"two")
    assert store.get("a") == (b"one", etag)


def test_replacing_needs_the_etag_of_what_is_there(store: ObjectStore) -> None:
    old = store.put_new("a", b"one")
    new = store.replace("a", b"two", old)
    with pytest.raises(KeyChangedError):
        store.replace("a", b"three", old)
    assert store.get("a") == (b"two", new)


def test_a_key_that_is_not_there_cannot_be_replaced(store: ObjectStore) -> None:
    with pytest.raises(KeyChangedError):
        store.replace("a", b"one", '"0123456789abcdef0123456789abcdef"')
    assert store.get("a") is None


def test_a_list_is_sorted_complete_and_only_what_starts_with_the_prefix(store: ObjectStore) -> None:
    wanted = [f"p/person:zoë+{n:04d}" for n in range(5)] + [f"p/{n:04d}" for n in range(5)]
    for key in [*reversed(wanted), "q/1", "p"]:
        store.put_new(key, b"")
    assert store.list("p/") == sorted(wanted)


def test_a_list_has_more_than_one_page(store: ObjectStore) -> None:
    keys = [f"p/{n:04d}" for n in range(1002)]
    for key in keys:
        store.put_new(key, b"")
    assert store.list("p/") == keys


def test_deleting_needs_the_etag_of_what_is_there(store: ObjectStore) -> None:
    old = store.put_new("a", b"one")
    new = store.replace("a", b"two", old)
    with pytest.raises(KeyChangedError):
        store.delete("a", old)
    store.delete("a", new)
    assert store.get("a") is None
    assert store.list("") == []


def test_of_many_who_write_one_key_one_wins() -> None:
    """In memory only: bare moto checks and writes in two steps; the sandbox puts one lock around both."""
    store = InMemoryObjectStore()
    won: list[int] = []

    def write(n: int) -> None:
        try:
            store.put_new("a", str(n).encode())
        except KeyExistsError:
            return
        won.append(n)

    threads = [Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.get("a")
    assert found is not None
    assert [str(n).encode() for n in won] == [found[0]]
