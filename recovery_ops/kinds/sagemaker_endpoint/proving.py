"""How a model is measured at home and held to that measure where it comes back."""

from collections.abc import Iterable
from datetime import UTC, datetime

from recovery_ops.aws import endpoints, served
from recovery_ops.aws.references import names_of, references_check
from recovery_ops.kinds import Stage
from recovery_ops.kinds.sagemaker_endpoint import needs
from recovery_ops.kinds.sagemaker_endpoint.target import Target
from recovery_ops.model.checks import Check
from recovery_ops.model.points import Capture
from recovery_ops.quality.baseline import Baseline, measure_baseline
from recovery_ops.quality.golden_set import GoldenSet
from recovery_ops.quality.model_gates import capacity_check, model_checks, probing, trial_checks


def checks(target: Target) -> Iterable[Check]:
    """Count instances, look for references to the region that was left, then ask the model itself."""
    ctx, name, region, seen = target.ctx, target.ctx.component.name, target.ctx.target_region, target.serving()
    described = served.described(seen, region)
    config = described[f"endpoint configuration {seen.config}"]["ProductionVariants"][0]
    yield capacity_check(
        name,
        instance_type=str(config.get("InstanceType")),
        ladder=target.settings.instances,
        running=seen.current,
        wanted=target.count,
    )
    yield references_check(name, described, names_of(ctx.source_region, dict(target.home), region), region)
    golden = GoldenSet.of_point(target.captured.objects[0], region)
    lookup, entities = probing(golden, needs.recovered_table(ctx), needs.entity_key(ctx), region)
    yield from model_checks(
        name,
        endpoints.predictor(seen.name, region),
        golden,
        target.settings.verify,
        baseline=Baseline.from_json(target.home["baseline"]),
        lookup=lookup,
        entities=entities,
    )


def trial(target: Target) -> Iterable[Check]:
    """Replay the golden inputs and judge predictions, quality and latency of the model that serves.

    Latency is held to its limit alone: the figures of a quiet endpoint are no measure for one under real traffic.
    """
    name, region = target.ctx.component.name, target.ctx.target_region
    golden = GoldenSet.of_point(target.captured.objects[0], region)
    auc = Baseline.from_json(target.home["baseline"]).auc
    predict = endpoints.predictor(target.name, region)
    return trial_checks(name, predict, golden, target.settings.verify, baseline_auc=auc)


def capture(target: Target, stage: Stage) -> Capture:
    """Capture what serves in the source region, measure it, and keep the golden rows with the predictions of today.

    Raises:
        VerificationFailedError: The endpoint does not answer well; that must not become the measure.
    """
    watermark, ctx, settings = datetime.now(UTC), target.ctx, target.settings
    region, verify = ctx.source_region, settings.verify
    content = served.captured(settings.endpoint, region)
    golden = GoldenSet.of_file(target.golden_file, verify.label)
    lookup, entities = probing(golden, needs.captured_table(ctx, stage.captures), needs.entity_key(ctx), region)
    baseline = measure_baseline(
        endpoints.predictor(settings.endpoint, region),
        golden.rows,
        golden.labels,
        required_per_s=verify.throughput,
        lookup=lookup,
        entities=entities,
    )
    kept = stage.put("golden.json", golden.with_predictions(baseline.predictions).to_bytes())
    return Capture(
        component=ctx.component.name,
        kind=ctx.component.kind,
        watermark=watermark,
        objects=(kept,),
        content={**content, "baseline": baseline.to_json(), "probe_row": list(golden.rows[0])},
    )
