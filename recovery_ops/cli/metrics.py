"""``recovery-ops metrics``: what Prometheus reads, served without Airflow or printed once."""

import json
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from recovery_ops.cli.shelves import reported
from recovery_ops.errors import RequestError
from recovery_ops.model.settings import Settings

app = typer.Typer(name="metrics", help="Serve metrics to Prometheus, or show them.", no_args_is_help=True)
console = Console(stderr=True)

LOCAL = ("127.0.0.1", "localhost", "::1")
PORT = 9464


@app.command()
@reported
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Read the record and print every metric once."""
    from recovery_ops.reporting.metrics import Watch, exposition, families

    watch = Watch.from_settings(Settings.from_environment())
    if not as_json:
        typer.echo(exposition(watch)[0].decode(), nl=False)
        return
    samples = [
        {"name": sample.name, "labels": sample.labels, "value": None if sample.value != sample.value else sample.value}
        for family in families(watch.values())
        for sample in family.samples
    ]
    typer.echo(json.dumps(samples))


@app.command()
@reported
def serve(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = PORT,
    host: Annotated[str, typer.Option(help="Address to listen on; other than this machine needs a token.")] = LOCAL[0],
    token_file: Annotated[
        Path | None, typer.Option(help="File with the bearer token that Prometheus shows; default: the setting.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print where it listens as JSON.")] = False,
) -> None:
    """Serve metrics until interrupted; needs no Airflow and no database."""
    from recovery_ops.reporting.metric_endpoint import Endpoint, MetricsServer, token_of
    from recovery_ops.reporting.metrics import Watch

    settings = Settings.from_environment()
    path = token_file or settings.metrics_token_file
    if path is None and host not in LOCAL:
        raise RequestError(f"--host {host} can be reached from elsewhere; give --token-file, or listen on {LOCAL[0]}")
    endpoint = Endpoint(Watch.from_settings(settings), token_of(path) if path else None)
    try:
        server = MetricsServer(host, port, endpoint)
    except OSError as error:
        raise RequestError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    typer.echo(json.dumps({"metrics_url": server.url}) if as_json else server.url)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("ended")
