"""Every mistake is found where it stands, and nothing else is."""

from pathlib import Path

import pytest
from catalog_builders import GOOD, KINDS, changed, load, problems

from recovery_ops.catalog import KindSpec, load_catalog, load_catalogs
from recovery_ops.errors import CatalogError

MISTAKES = {
    "a typing error in a key": (
        [("    tier: critical\n    rto: 10m", "    teir: critical\n    rto: 10m")],
        [
            "ranking.yaml:16:5: components[items].tier: is missing",
            "ranking.yaml:18:5: components[items].teir: unknown key; did you mean 'tier'?",
        ],
    ),
    "a typing error at the top": (
        [("home: us", "hom: us")],
        [
            "ranking.yaml:1:1: home: is missing",
            "ranking.yaml:2:1: hom: unknown key; did you mean 'home'?",
        ],
    ),
    "a missing section": (
        [('record: {bucket: "record-{region}"}\n', "")],
        ["ranking.yaml:1:1: record: is missing"],
    ),
    "a section without its key": (
        [("  name: rank.example.com\n", "")],
        ["ranking.yaml:6:3: traffic.name: is missing"],
    ),
    "a key that is there twice": (
        [("    rpo: 15m", "    rpo: 15m\n    rto: 20m")],
        ["ranking.yaml:21:5: components[items].rto: key is there twice; first on line 19"],
    ),
    "an unknown kind": (
        [("kind: store", "kind: stroe")],
        ["ranking.yaml:17:11: components[items].kind: unknown kind 'stroe'; did you mean 'store'?"],
    ),
    "a kind that resembles nothing": (
        [("kind: store", "kind: xyz")],
        ["ranking.yaml:17:11: components[items].kind: unknown kind 'xyz'; known kinds: service, store"],
    ),
    "a component that is there twice": (
        [("name: ranker", "name: items"), ("needs: [items]", "needs: []")],
        ["ranking.yaml:23:11: components[items].name: a component 'items' is there already, on line 16"],
    ),
    "a need that nothing answers": (
        [("needs: [items]", "needs: [itms]")],
        ["ranking.yaml:26:13: components[ranker].needs[0]: no component 'itms'; did you mean 'items'?"],
    ),
    "a need that is there twice": (
        [("needs: [items]", "needs: [items, items]")],
        ["ranking.yaml:26:20: components[ranker].needs[1]: 'items' is there twice"],
    ),
    "a circle": (
        [("    rpo: 15m", "    rpo: 15m\n    needs: [ranker]")],
        ["ranking.yaml:27:13: components[ranker].needs[0]: needs go round in a circle: items -> ranker -> items"],
    ),
    "a component that needs itself": (
        [("needs: [items]", "needs: [items, ranker]")],
        ["ranking.yaml:26:20: components[ranker].needs[1]: needs go round in a circle: ranker -> ranker"],
    ),
    "an RTO shorter than that of what it needs": (
        [("    needs: [items]", "    rto: 5m\n    needs: [items]")],
        ["ranking.yaml:26:10: components[ranker].rto: 5m is shorter than that of 'items', which it needs (10m)"],
    ),
    "an RTO longer than the system's": (
        [("rto: 10m", "rto: 45m"), ("needs: [items]", "rto: 50m\n    needs: [items]")],
        [
            "ranking.yaml:19:10: components[items].rto: 45m is longer than the system's (30m), and traffic waits for "
            "'items'",
            "ranking.yaml:26:10: components[ranker].rto: 50m is longer than the system's (30m), and traffic waits for "
            "'ranker'",
        ],
    ),
    "an RPO that no cadence can meet": (
        [("    rpo: 15m", "    standby: cold\n    rpo: 5m")],
        [
            "ranking.yaml:21:10: components[items].rpo: 5m cannot be met: standby cold recovers from points, and "
            "protect.every is 15m"
        ],
    ),
    "a default RPO that no cadence can meet": (
        [("    rpo: 15m\n", "    standby: pilot-light\n")],
        [
            "ranking.yaml:16:5: components[items].rpo: 5m, the default of tier critical, cannot be met: standby "
            "pilot-light recovers from points, and protect.every is 15m"
        ],
    ),
    "an RPO of a kind without state": (
        [("    needs: [items]", "    needs: [items]\n    rpo: 5m")],
        ["ranking.yaml:27:5: components[ranker].rpo: kind 'service' keeps no state and has no RPO; remove it"],
    ),
    "an RTO shorter than what something it needs takes out of a point": (
        [("rto: 10m", "rto: 10m\n    from_point: {rto: 20m}"), ("needs: [items]", "rto: 15m\n    needs: [items]")],
        [
            "ranking.yaml:27:10: components[ranker].rto: 15m is shorter than that of 'items', which it needs, from a "
            "point (20m)"
        ],
    ),
    "an RTO from a point shorter than that of what it needs": (
        [("needs: [items]", "from_point: {rto: 9m}\n    needs: [items]")],
        [
            "ranking.yaml:26:23: components[ranker].from_point.rto: 9m is shorter than that of 'items', which it "
            "needs, from a point (10m)"
        ],
    ),
    "an RTO from a point longer than the system's": (
        [
            ("rto: 10m", "rto: 10m\n    from_point: {rto: 40m}"),
            ("needs: [items]", "from_point: {rto: 41m}\n    needs: []"),
        ],
        [
            "ranking.yaml:20:23: components[items].from_point.rto: 40m is longer than the system's from a point "
            "(30m), and traffic waits for 'items'",
            "ranking.yaml:27:23: components[ranker].from_point.rto: 41m is longer than the system's from a point "
            "(30m), and traffic waits for 'ranker'",
        ],
    ),
    "a system that is to come out of a point sooner than what traffic waits for": (
        [
            ("rto: 30m\n", "rto: 30m\nfrom_point: {rto: 15m}\n"),
            ("needs: [items]", "rto: 15m\n    needs: [items]"),
            ("    rto: 10m", "    rto: 10m\n    from_point: {rto: 15m1s}"),
        ],
        [
            "ranking.yaml:21:23: components[items].from_point.rto: 15m1s is longer than the system's from a point "
            "(15m), and traffic waits for 'items'",
            "ranking.yaml:28:10: components[ranker].rto: 15m is shorter than that of 'items', which it needs, from a "
            "point (15m1s)",
        ],
    ),
    "an RPO from a point that no cadence can meet": (
        [("    rpo: 15m", "    rpo: 15m\n    from_point: {rpo: 14m}")],
        ["ranking.yaml:21:23: components[items].from_point.rpo: 14m cannot be met: protect.every is 15m"],
    ),
    "an RPO from a point of a kind without state": (
        [("    needs: [items]", "    needs: [items]\n    from_point: {rpo: 1h}")],
        [
            "ranking.yaml:27:18: components[ranker].from_point.rpo: kind 'service' keeps no state and has no RPO; "
            "remove it"
        ],
    ),
    "objectives from a point that cannot be read": (
        [
            ("    rpo: 15m", "    rpo: 15m\n    from_point: {rto: 600, rop: 1h}"),
            ("rto: 30m", "rto: 30m\nfrom_point: {rpo: 1h}"),
        ],
        [
            "ranking.yaml:5:14: from_point.rpo: unknown key; did you mean 'rto'?",
            "ranking.yaml:22:23: components[items].from_point.rto: 600 has no unit; write 30s",
            "ranking.yaml:22:28: components[items].from_point.rop: unknown key; did you mean 'rpo'?",
        ],
    ),
    "a component cutover should not wait for although it must": (
        [("    rpo: 15m", "    rpo: 15m\n    gates_traffic: false")],
        [
            "ranking.yaml:21:20: components[items].gates_traffic: is false, but 'ranker', which gates traffic, needs "
            "'items'"
        ],
    ),
    "a pattern that is not supported": (
        [("rto: 30m\n", "rto: 30m\npattern: active-active\n")],
        [
            "ranking.yaml:5:10: pattern: active-active is not supported: traffic is moved from one serving region to "
            "another"
        ],
    ),
    "a name of a system step": (
        [("name: items", "name: fence"), ("needs: [items]", "needs: [fence]")],
        ["ranking.yaml:16:11: components[fence].name: 'fence' is the name of a step of every run"],
    ),
    "a name that AWS would refuse": (
        [("name: items", "name: Items_DB"), ("needs: [items]", "needs: [Items_DB]")],
        [
            "ranking.yaml:16:11: components[Items_DB].name: 'Items_DB' is no legal name; use 2 to 40 lower-case "
            "letters, digits and hyphens, starting with a letter"
        ],
    ),
    "a typing error in a region": (
        [("home: us-east-1", "home: us-esat-1")],
        ["ranking.yaml:2:7: home: 'us-esat-1' is no AWS region code; did you mean 'us-east-1'?"],
    ),
    "one region only": (
        [("regions: [us-east-1, us-west-2]", "regions: [us-east-1]")],
        ["ranking.yaml:3:10: regions: needs at least 2 items, has 1"],
    ),
    "the same region twice": (
        [("regions: [us-east-1, us-west-2]", "regions: [us-east-1, us-east-1, us-west-2]")],
        ["ranking.yaml:3:22: regions[1]: 'us-east-1' is there twice"],
    ),
    "a home that is no region of the system": (
        [("home: us-east-1", "home: us-east-2"), ("    us-west-2: s3", "    us-east-1: s3://a1b/c\n    us-west-2: s3")],
        ["ranking.yaml:2:7: home: 'us-east-2' is not in regions (us-east-1, us-west-2); did you mean 'us-east-1'?"],
    ),
    "a region without a front door": (
        [("    us-west-2: b.example.com\n", "")],
        ["ranking.yaml:8:5: traffic.front_doors: us-west-2 is missing; every region has a front door"],
    ),
    "a front door of a region that the system does not have": (
        [("    us-west-2: b", "    eu-west-1: c.example.com\n    us-west-2: b")],
        ["ranking.yaml:9:5: traffic.front_doors.eu-west-1: region is not in regions; did you mean 'us-west-2'?"],
    ),
    "a front door of an unknown component": (
        [("a.example.com", '"netwrok:ApiHost"')],
        ["ranking.yaml:8:16: traffic.front_doors.us-east-1: no component 'netwrok'"],
    ),
    "no health switch": (
        [("  health_switch:\n    us-west-2: s3://switch/ranking\n", "")],
        [
            "ranking.yaml:6:3: traffic.health_switch: us-west-2 is missing; method health-switch needs an object in "
            "every region but home"
        ],
    ),
    "a health switch that is no object": (
        [("s3://switch/ranking", "https://switch")],
        ["ranking.yaml:11:16: traffic.health_switch.us-west-2: 'https://switch' is no object; write s3://bucket/key"],
    ),
    "approvers who are nobody": (
        [("record:", "approval: {approvers: [srx]}\nrecord:")],
        ["ranking.yaml:13:24: approval.approvers[0]: no role 'srx' in people; did you mean 'sre'?"],
    ),
    "a question to nobody": (
        [("people: {sre: [alice]}\n", "")],
        ["ranking.yaml:1:1: approval: a person is asked for tier critical, and nobody is named; add people"],
    ),
    "a group of one": (
        [("protect:", "consistency: [[items]]\nprotect:")],
        ["ranking.yaml:29:15: consistency[0]: a group needs at least two different components"],
    ),
    "a group with an unknown member": (
        [("protect:", "consistency: [[items, rankr]]\nprotect:")],
        ["ranking.yaml:29:23: consistency[0][1]: no component 'rankr'; did you mean 'ranker'?"],
    ),
    "two groups that overlap": (
        [("protect:", "consistency: [[items, ranker], [ranker, items]]\nprotect:")],
        [
            "ranking.yaml:29:33: consistency[1][0]: 'ranker' is in another group too; make them one group",
            "ranking.yaml:29:41: consistency[1][1]: 'items' is in another group too; make them one group",
        ],
    ),
    "a lock that outlasts the point": (
        [("{every: 15m}", "{every: 15m, keep: 7d, lock: 8d}")],
        ["ranking.yaml:29:39: protect.lock: 8d is longer than protect.keep (7d)"],
    ),
    "a point that is gone before the next one": (
        [("{every: 15m}", "{every: 2d, keep: 1d}")],
        ["ranking.yaml:29:28: protect.keep: 1d is shorter than protect.every (2d)"],
    ),
    "a bucket that is the same in every region": (
        [("record-{region}", "record")],
        ["ranking.yaml:13:18: record.bucket: 'record' has no {region} in it; every region has its own bucket"],
    ),
    "a duration without a unit": (
        [("rto: 10m", "rto: 600")],
        ["ranking.yaml:19:10: components[items].rto: 600 has no unit; write 30s"],
    ),
    "a duration in words": (
        [("rto: 10m", "rto: ten minutes")],
        [
            "ranking.yaml:19:10: components[items].rto: 'ten minutes' is no duration; write a number with a unit: "
            "500ms, 30s, 10m, 2h or 1d"
        ],
    ),
    "a duration of nothing": (
        [("rto: 10m", "rto: 0s")],
        ["ranking.yaml:19:10: components[items].rto: '0s' is not from 1ms to 100 years"],
    ),
    "a choice that does not exist": (
        [("tier: critical", "tier: critcal")],
        [
            "ranking.yaml:18:11: components[items].tier: 'critcal' is none of critical, operational, development; did "
            "you mean 'critical'?"
        ],
    ),
    "a number where text belongs": (
        [("table: items", "table: 123456789012")],
        ["ranking.yaml:22:14: components[items].settings.table: must be text, is 123456789012; put it in quotes"],
    ),
    "a typing error inside the settings of a kind": (
        [("      endpoint: ranker", "      endpoint: ranker\n      verify: {p95_latncy: 100ms}")],
        ["ranking.yaml:29:16: components[ranker].settings.verify.p95_latncy: unknown key; did you mean 'p95_latency'?"],
    ),
    "a missing setting of a kind": (
        [("      table: items", "      format: csv")],
        ["ranking.yaml:22:7: components[items].settings.table: is missing"],
    ),
    "no settings at all": (
        [("    settings:\n      table: items\n", "")],
        ["ranking.yaml:16:5: components[items].settings.table: is missing"],
    ),
    "a rate without a unit": (
        [("      endpoint: ranker", "      endpoint: ranker\n      verify: {throughput: 40}")],
        ["ranking.yaml:29:28: components[ranker].settings.verify.throughput: 40 has no unit; write 40/s"],
    ),
    "components that are no list": (
        [(GOOD[GOOD.index("components:") : GOOD.index("protect:")], "components: none\n")],
        ["ranking.yaml:15:13: components: must be a list with at least one component"],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_where_it_stands(tmp_path, changes, expected):
    assert problems(tmp_path, changed(*changes)) == expected


def test_the_good_catalog_has_no_problems(tmp_path):
    assert problems(tmp_path, GOOD) == []


def test_problems_of_shape_and_of_meaning_are_reported_together_in_the_order_of_the_file(tmp_path):
    text = changed(
        ("rto: 30m", "rto: soon"),
        ("    tier: critical\n    rto: 10m", "    teir: critical\n    rto: 10m"),
        ("needs: [items]", "needs: [itms, ranker]"),
        ("{every: 15m}", "{every: 15m, lock: 90d}"),
    )
    assert [line.split(": ")[0:2] for line in problems(tmp_path, text)] == [
        ["ranking.yaml:4:6", "rto"],
        ["ranking.yaml:16:5", "components[items].tier"],
        ["ranking.yaml:18:5", "components[items].teir"],
        ["ranking.yaml:26:13", "components[ranker].needs[0]"],
        ["ranking.yaml:26:19", "components[ranker].needs[1]"],
        ["ranking.yaml:29:29", "protect.lock"],
    ]


def test_a_broken_name_does_not_make_those_who_need_it_wrong(tmp_path):
    text = changed(("name: items", "name: ITEMS"), ("needs: [items]", "needs: [ITEMS]"))
    assert len(problems(tmp_path, text)) == 1


def test_every_separate_circle_is_named(tmp_path):
    extra = "".join(
        f"  - {{name: {name}, kind: service, tier: development, needs: [{need}], settings: {{endpoint: e}}}}\n"
        for name, need in (("aa", "bb"), ("bb", "aa"), ("cc", "dd"), ("dd", "cc"))
    )
    found = problems(tmp_path, changed(("protect:", f"{extra}protect:")))
    assert [line.rpartition(": ")[2] for line in found] == ["aa -> bb -> aa", "cc -> dd -> cc"]


def test_problems_of_all_files_come_in_one_error(tmp_path):
    (tmp_path / "a.yaml").write_text(changed(("home: us-east-1", "home: nowhere")))
    (tmp_path / "b.yaml").write_text(GOOD)
    (tmp_path / "c.yml").write_text(changed(("system: ranking", "system: other"), ("kind: store", "kind: stor")))
    with pytest.raises(CatalogError) as raised:
        load_catalogs(tmp_path, KINDS)
    assert [line.removeprefix(f"{tmp_path}/").split(": ")[0] for line in raised.value.problems] == [
        "a.yaml:2:7",
        "c.yml:17:11",
    ]


def test_two_files_cannot_describe_the_same_system(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(CatalogError, match=r"b\.yaml:1:9: system: a system 'ranking' is there already, in .*a\.yaml"):
        load_catalogs(tmp_path, KINDS)


def test_a_folder_gives_its_systems_by_file_name(tmp_path):
    (tmp_path / "b.yaml").write_text(GOOD)
    (tmp_path / "a.yaml").write_text(changed(("system: ranking", "system: other")))
    (tmp_path / "notes.txt").write_text("no catalog")
    assert [system.name for system in load_catalogs(tmp_path, KINDS)] == ["other", "ranking"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CatalogError, match="no such folder"):
        load_catalogs(tmp_path / "nowhere", KINDS)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CatalogError, match=r"nowhere\.yaml:1:1: cannot be read: No such file"):
        load_catalog(Path(tmp_path / "nowhere.yaml"), KINDS)


def test_a_kind_that_lets_unknown_settings_pass_is_refused_at_once():
    from pydantic import BaseModel

    class Loose(BaseModel):
        pass

    with pytest.raises(TypeError, match="must set extra='forbid'"):
        KindSpec(name="loose", settings_model=Loose, stateful=False)


def test_a_catalog_with_problems_has_exit_code_2(tmp_path):
    with pytest.raises(CatalogError) as raised:
        load(tmp_path, "system: x\n")
    assert raised.value.exit_code == 2
