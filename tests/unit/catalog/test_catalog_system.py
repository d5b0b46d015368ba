"""What a catalog becomes: defaults, frozen form, hash, schema."""

import json

import jsonschema
import pytest
import yaml
from catalog_builders import GOOD, KINDS, ServiceSettings, changed, load, problems
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery_ops.catalog import json_schema
from recovery_ops.catalog.draft import STAND_INS
from recovery_ops.catalog.freeze import catalog_hash, freeze, thaw
from recovery_ops.catalog.quantities import UNITS_S, WRITTEN, in_words
from recovery_ops.model.objectives import Basis
from recovery_ops.model.plan import Intent
from recovery_ops.model.system import ApprovalMode, CutoverMethod, OnTimeout, Pattern, Standby, Tier

LONE = """
  - name: {name}
    kind: store
    tier: {tier}
    settings: {{table: t}}
"""


def with_component(name: str, tier: str, extra: str = "") -> str:
    return changed(("\nprotect:", LONE.format(name=name, tier=tier).rstrip() + extra + "\nprotect:"))


def test_what_is_not_written_has_a_default_that_an_engineer_would_expect(tmp_path):
    system = load(tmp_path, GOOD)
    assert (system.pattern, system.rto_s) == (Pattern.ACTIVE_PASSIVE, 1800)
    assert (system.traffic.zone, system.traffic.ttl_s, system.traffic.soak_s) == ("example.com", 60, 120)
    assert (system.traffic.method, system.traffic.path) == (CutoverMethod.HEALTH_SWITCH, "/")
    assert system.approval.mode_for(Tier.CRITICAL) is ApprovalMode.ASK
    assert (system.approval.approvers, system.approval.timeout_s) == (("sre",), 900)
    assert system.approval.on_timeout is OnTimeout.STOP_AND_PAGE
    assert (system.protection.every_s, system.protection.keep_s, system.protection.lock_s) == (
        900,
        35 * 86400,
        7 * 86400,
    )
    assert system.component("items").standby is Standby.WARM
    assert system.folder == str(tmp_path / "ranking")


def test_a_component_without_objectives_has_those_of_its_tier(tmp_path):
    component = load(tmp_path, with_component("archive", "operational")).component("archive")
    assert (component.rto_s, component.rpo_s, component.gates_traffic) == (8 * 3600, 4 * 3600, False)
    component = load(tmp_path, with_component("notebook", "development")).component("notebook")
    assert (component.rto_s, component.rpo_s) == (3 * 86400, 86400)


def test_a_default_rto_never_exceeds_the_system_it_gates_nor_what_needs_it(tmp_path):
    system = load(tmp_path, changed(("    rto: 10m\n", ""), ("    needs: [items]", "    needs: [items]\n    rto: 7m")))
    assert system.component("items").rto_s == 7 * 60
    assert load(tmp_path, changed(("    rto: 10m\n", ""))).component("items").rto_s == 30 * 60


POINTED = (
    ("rto: 30m\n", "rto: 30m\nfrom_point: {rto: 50m}\n"),
    ("    rpo: 15m", "    rpo: 15m\n    from_point: {rto: 40m, rpo: 1h}"),
    ("    needs: [items]", "    needs: [items]\n    from_point: {rto: 45m}"),
)


def test_objectives_out_of_a_point_hold_where_no_replica_is_trusted_and_nowhere_else(tmp_path):
    system, plain = load(tmp_path, changed(*POINTED)), load(tmp_path, GOOD)
    for intent, wanted in ((Intent.REGION_LOSS, plain), (Intent.CORRUPTION, None)):
        items, ranker = system.component("items"), system.component("ranker")
        found = (system.rto_of(intent), items.rto_of(intent), items.rpo_of(intent), ranker.rto_of(intent))
        ordinary = (plain.rto_s, plain.component("items").rto_s, 900.0, plain.component("ranker").rto_s)
        assert found == (ordinary if wanted else (3000, 2400, 3600, 2700))
        assert ranker.rpo_of(intent) is None
    assert thaw(json.loads(json.dumps(freeze(system)))) == system
    assert catalog_hash(system) != catalog_hash(plain)


@pytest.mark.parametrize("intent", Intent)
def test_without_objectives_out_of_a_point_the_ordinary_ones_hold(tmp_path, intent):
    system = load(tmp_path, GOOD)
    assert system.rto_of(intent) == system.rto_s
    for component in system.components:
        assert (component.rto_of(intent), component.rpo_of(intent)) == (component.rto_s, component.rpo_s)
        assert (component.from_point.rto_basis(intent), component.from_point.rpo_basis(intent)) == (Basis.ORDINARY,) * 2


def test_a_run_that_was_frozen_before_there_were_such_objectives_is_still_read(tmp_path):
    system = load(tmp_path, GOOD)
    old = freeze(system)
    del old["from_point"]
    for item in old["components"]:
        del item["from_point"]
    assert thaw(old) == system


def test_the_cadence_follows_what_may_be_lost_out_of_a_point(tmp_path):
    text = changed(("    rpo: 15m", "    rpo: 15m\n    from_point: {rpo: 20m}"), ("protect: {every: 15m}\n", ""))
    assert load(tmp_path, text).protection.every_s == 20 * 60


def test_what_a_gating_component_needs_gates_traffic_too(tmp_path):
    text = with_component("words", "development").replace("needs: [items]", "needs: [items, words]")
    assert load(tmp_path, text).component("words").gates_traffic


def test_the_default_cadence_meets_the_tightest_rpo_that_depends_on_it(tmp_path):
    text = changed(("    rpo: 15m", "    rpo: 10m\n    standby: cold"), ("protect: {every: 15m}\n", ""))
    assert load(tmp_path, text).protection.every_s == 600
    assert load(tmp_path, changed(("protect: {every: 15m}\n", ""))).protection.every_s == 3600


def test_approval_is_asked_by_tier(tmp_path):
    system = load(tmp_path, changed(("record:", "approval: {critical: auto, default: ask, timeout: 3m}\nrecord:")))
    assert system.approval.mode_for(Tier.CRITICAL) is ApprovalMode.AUTO
    assert system.approval.mode_for(Tier.DEVELOPMENT) is ApprovalMode.ASK
    assert system.approval.timeout_s == 180


def test_settings_of_a_kind_are_plain_values_that_validate_again(tmp_path):
    text = changed(
        ("      endpoint: ranker", "      endpoint: r\n      verify: {p95_latency: 120ms, throughput: 90/m}")
    )
    settings = load(tmp_path, text).component("ranker").settings
    assert settings == json.loads(json.dumps(settings))
    assert settings["verify"] == {"p95_latency": 0.12, "throughput": 1.5, "tolerance": 1e-6}
    assert ServiceSettings.model_validate(settings).verify.p95_latency == 0.12


def test_record_batch_needs_no_health_switch(tmp_path):
    text = changed(("  health_switch:\n    us-west-2: s3://switch/ranking\n", "  method: record-batch\n"))
    assert load(tmp_path, text).traffic.method is CutoverMethod.RECORD_BATCH


def test_a_frozen_system_thaws_to_an_equal_one_through_json(tmp_path):
    system = load(tmp_path, GOOD)
    assert thaw(json.loads(json.dumps(freeze(system)))) == system


def test_an_altered_frozen_system_does_not_thaw(tmp_path):
    frozen = freeze(load(tmp_path, GOOD))
    with pytest.raises(ValueError, match="sometimes"):
        thaw(frozen | {"pattern": "sometimes"})


@settings(deadline=None, max_examples=25)  # each example reads two files
@given(order=st.randoms())
def test_the_hash_does_not_depend_on_the_order_of_keys_and_components(tmp_path_factory, order):
    folder = tmp_path_factory.mktemp("catalogs")
    assert catalog_hash(load(folder, shuffled(GOOD, order))) == catalog_hash(load(folder, GOOD))


def test_the_hash_does_not_depend_on_where_the_file_lies(tmp_path):
    assert catalog_hash(load(tmp_path, GOOD, "a.yaml")) == catalog_hash(load(tmp_path, GOOD, "b.yaml"))


@pytest.mark.parametrize(
    "change",
    [
        ("30m", "31m"),
        ("alice", "bob"),
        ("table: items", "table: other"),
        ("every: 15m", "every: 14m"),
        ("a.ex", "c.ex"),
    ],
)
def test_the_hash_changes_with_what_is_written(tmp_path, change):
    assert catalog_hash(load(tmp_path, changed(change))) != catalog_hash(load(tmp_path, GOOD))


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=10_000_000))
def test_a_duration_in_words_reads_back_the_same(milliseconds):
    from pydantic import TypeAdapter

    from recovery_ops.catalog.quantities import Duration

    seconds = milliseconds / 1000
    words = in_words(seconds)
    assert TypeAdapter(Duration).validate_python(words, context=WRITTEN) == pytest.approx(seconds, rel=1e-4), words


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200), ("90d", 90 * UNITS_S["d"]), ("1h30m", 5400)]
)
def test_durations_have_units(tmp_path, text, seconds):
    assert load(tmp_path, changed(("rto: 30m", f"rto: {text}"), ("    rto: 10m\n", ""))).rto_s == seconds


def test_the_schema_accepts_what_the_loader_accepts(tmp_path):
    schema = json_schema(KINDS)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(GOOD), schema)


@pytest.mark.parametrize(
    "change", [("kind: store", "kind: stroe"), ("table: items", "tabel: items"), ("rto: 30m", "rto: soon")]
)
def test_the_schema_refuses_what_the_loader_refuses(tmp_path, change):
    assert problems(tmp_path, changed(change))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(changed(change)), json_schema(KINDS))


@pytest.mark.parametrize("model", STAND_INS)
def test_stand_ins_for_broken_parts_are_sound_themselves(model):
    model.model_validate(STAND_INS[model], context=WRITTEN)


def shuffled(text: str, order) -> str:
    def mixed(value):
        if isinstance(value, dict):
            keys = list(value)
            order.shuffle(keys)
            return {key: mixed(value[key]) for key in keys}
        return [mixed(item) for item in value] if isinstance(value, list) else value

    data = mixed(yaml.safe_load(text))
    order.shuffle(data["components"])
    return yaml.safe_dump(data, sort_keys=False)
