"""The `thinmesh` command."""

from __future__ import annotations

import asyncio
import os
import shlex
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from thinmesh_core.config import ConfigError
from thinmesh_deploy import audit, autoscale, batches, completion, jobs, keys, operate, pipelines, split
from thinmesh_deploy.alone import alone
from thinmesh_deploy.config import Listen, Setting
from thinmesh_deploy.diagnose.commands import diagnose_app
from thinmesh_deploy.doctor.command import doctor
from thinmesh_deploy.model.commands import model_app
from thinmesh_deploy.options import STATE, Config, State, console, fail, say, setting_of
from thinmesh_deploy.payloads import payload_app
from thinmesh_deploy.process import Main, run
from thinmesh_deploy.rehearse import rehearse
from thinmesh_deploy.render.commands import render_app
from thinmesh_deploy.top import top
from thinmesh_deploy.trace import trace
from thinmesh_deploy.usage import usage
from thinmesh_deploy.webhooks import webhook_app

app = typer.Typer(
    help="An inference mesh: one typed gRPC contract and an OpenAI-compatible edge around unmodified engines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _BackendOrCommand(TyperGroup):
    """`thinmesh adapter smollm2` is `thinmesh adapter run smollm2`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts `run` in front of what is none of the commands."""
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if not args or args[0] in known else ["run", *args])


adapter_app = typer.Typer(
    help="Start the adapter of a backend, or write a new one. `thinmesh adapter smollm2` is `thinmesh adapter run smollm2`.",
    cls=_BackendOrCommand,
    no_args_is_help=True,
)
app.add_typer(adapter_app, name="adapter")
app.add_typer(payload_app, name="payload")
app.add_typer(webhook_app, name="webhook")
app.add_typer(render_app, name="render")
app.add_typer(diagnose_app, name="diagnose")
app.add_typer(model_app, name="model")
for command in operate.COMMANDS:
    app.command()(command)
app.add_typer(operate.quota_app, name="quota")
app.add_typer(autoscale.autoscale_app, name="autoscale")
app.add_typer(keys.key_app, name="key")
app.add_typer(jobs.job_app, name="job")
app.add_typer(pipelines.pipeline_app, name="pipeline")
app.command()(batches.batch)
app.command()(doctor)
app.command()(top)
app.command()(keys.whoami)
app.add_typer(audit.audit_app, name="audit")
app.command()(trace)
app.command()(usage)
app.command()(rehearse)

Http = Annotated[str | None, typer.Option("--http", metavar="HOST:PORT", help="Where REST listens. [127.0.0.1:8080]")]
Grpc = Annotated[str | None, typer.Option("--grpc", metavar="HOST:PORT", help="Where gRPC listens. [127.0.0.1:8081]")]
Admin = Annotated[
    str | None,
    typer.Option("--admin", metavar="HOST:PORT", help="Where /metrics, /healthz and /readyz listen. [127.0.0.1:9464]"),
]
LogLevel = Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")]
Lifeline = Annotated[bool, typer.Option("--lifeline", hidden=True, help="Stop when standard input ends.")]


@app.command()
def up(
    config: Config = None,
    http: Http = None,
    grpc: Grpc = None,
    admin: Admin = None,
    state: State = STATE,
    log_level: LogLevel = "warning",
    edge: Annotated[
        bool, typer.Option("--edge", help="Put nginx in front, over TLS; --http and --grpc are its own then.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=64, help="How many processes serve behind it. [the processors]")
    ] = None,
    lifeline: Lifeline = False,
) -> None:
    """Start the whole mesh in the foreground.

    [bold]Examples[/bold]

    thinmesh up

    thinmesh up --config thinmesh.yaml --http 127.0.0.1:9000

    thinmesh up --edge --workers 4
    """
    setting = setting_of(config, state)
    if edge:
        _up_edge(setting, workers or os.cpu_count() or 1, http, grpc, admin or setting.config.listen.admin, log_level)
        return
    if workers is not None:
        fail("--workers is how many serve behind nginx: give --edge too")
    from thinmesh_deploy.up import up as serve  # imports every part, which the other commands need not have installed

    at, tell = _listening(setting, http, grpc, admin), Console(quiet=True) if lifeline else console
    main: Main = partial(serve, setting, at, tell, log_level)
    if not lifeline:  # who started it sees to that, and has it follow one that still ends
        main = partial(alone, setting, main)
    run(main, service="thinmesh", log_level=log_level, lifeline=lifeline, traces=setting.config.traces)


def _up_edge(setting: Setting, workers: int, http: str | None, grpc: str | None, admin: str, log_level: str) -> None:
    from thinmesh_deploy.edge.certificate import self_signed
    from thinmesh_deploy.edge.derived import fronted
    from thinmesh_deploy.edge.up import up as serve

    try:
        made = self_signed(setting.state / "tls") if setting.config.edge is None else None
        setting = fronted(setting, made, http, grpc)
    except ConfigError as error:
        fail(str(error))
    authority = None if made is None else made[0]
    main = partial(serve, setting, workers, admin, authority, console, log_level)
    run(partial(alone, setting, main), service="thinmesh", log_level=log_level)


@app.command()
def gateway(
    config: Config = None,
    http: Http = None,
    grpc: Grpc = None,
    admin: Admin = None,
    state: State = STATE,
    log_level: LogLevel = "info",
) -> None:
    """Start the gateway alone: keys, REST and gRPC, in front of a router.

    [bold]Example[/bold]

    thinmesh gateway --config thinmesh.yaml
    """
    setting = setting_of(config, state)
    main = partial(split.gateway, setting, _listening(setting, http, grpc, admin), say)
    run(main, service="thinmesh-gateway", log_level=log_level, traces=setting.config.traces)


@app.command()
def router(
    config: Config = None,
    listen: Annotated[str | None, typer.Option("--listen", help="Where it listens. [listen.router]")] = None,
    admin: Admin = None,
    state: State = STATE,
    log_level: LogLevel = "info",
) -> None:
    """Start a router alone, in front of adapters. It trusts who calls it: keep its socket private.

    [bold]Examples[/bold]

    thinmesh router --config thinmesh.yaml --admin 127.0.0.1:9465

    thinmesh router --config thinmesh.yaml --listen unix:/run/thinmesh/router-2.sock
    """
    setting = setting_of(config, state)
    main = partial(split.router, setting, listen, admin, say)
    run(main, service="thinmesh-router", log_level=log_level, traces=setting.config.traces)


@app.command()
def worker(
    config: Config = None,
    listen: Annotated[str | None, typer.Option("--listen", help="Where it listens. [listen.worker]")] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="What its code is called; jobs end on the version that they began on.")
    ] = None,
    admin: Admin = None,
    state: State = STATE,
    log_level: LogLevel = "info",
) -> None:
    """Start a worker alone: it keeps jobs in Temporal and runs their steps. Several share the work.

    [bold]Examples[/bold]

    thinmesh worker --config thinmesh.yaml

    thinmesh worker --config thinmesh.yaml --listen unix:/run/thinmesh/worker-2.sock

    thinmesh worker --config thinmesh.yaml --version 2026-11-25
    """
    setting = setting_of(config, state)
    main = partial(split.worker, setting, listen, version, admin, say)
    run(main, service="thinmesh-worker", log_level=log_level, traces=setting.config.traces)


@adapter_app.command("run")
def run_adapter(
    backend: Annotated[str, typer.Argument(help="A backend of the configuration.", autocompletion=completion.backends)],
    config: Config = None,
    listen: Annotated[str | None, typer.Option("--listen", help="Where it listens. [the backend's address]")] = None,
    admin: Admin = None,
    state: State = STATE,
    log_level: LogLevel = "info",
    grace: Annotated[float | None, typer.Option("--grace", help="Seconds that running calls have at a stop. [30]")] = None,
    lifeline: Lifeline = False,
) -> None:
    """Start the adapter of one backend alone, and its engine where that comes with it.

    [bold]Examples[/bold]

    thinmesh adapter smollm2 --config thinmesh.yaml

    thinmesh adapter run smollm2 --listen 127.0.0.1:8090
    """
    tell = (lambda _: None) if lifeline else say
    setting = setting_of(config, state)
    main = partial(split.adapter, setting, backend, listen, admin, grace, tell)
    run(main, service="thinmesh-adapter", log_level=log_level, lifeline=lifeline, traces=setting.config.traces)


@adapter_app.command("new")
def new_adapter(
    name: Annotated[str, typer.Argument(help="What `adapter:` in thinmesh.yaml will call it, such as my_engine.")],
    into: Annotated[Path | None, typer.Option("--into", help="An empty or new folder. [thinmesh-adapter-NAME]")] = None,
) -> None:
    """Write the package of a new adapter that passes its tests as it is: the contract, a fake engine, the conformance cases.

    [bold]Examples[/bold]

    thinmesh adapter new my_engine

    thinmesh adapter new my_engine --into ~/work/my-engine
    """
    from thinmesh_deploy.scaffold import write

    try:
        folder = write(name, into)
    except ConfigError as error:
        fail(str(error))
    say(f"{folder}: the adapter {name}, a fake engine and the conformance cases. Try it, then read its README.md:")
    print(f"make -C {shlex.quote(str(folder))} test")


@app.command()
def conformance(
    target: Annotated[str, typer.Option("--target", metavar="HOST:PORT", help="A server of the contract; unix:/path too.")],
    model: Annotated[str | None, typer.Option("--model", help="A model of it. [the first that is ready]")] = None,
    key: Annotated[str | None, typer.Option("--key", help="A key, for a gateway.", envvar="THINMESH_KEY")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a report: FILE.md and FILE.json.")] = None,
) -> None:
    """Test a server of the contract: an adapter, a router or a gateway. Exits with 1 where a case fails.

    [bold]Example[/bold]

    thinmesh conformance --target 127.0.0.1:8081 --model echo --key "$(cat .thinmesh/dev-key)"
    """
    from thinmesh_deploy.conformance import conformance as test

    try:
        passed = asyncio.run(test(target, model, key, report, console))
    except ConfigError as error:
        fail(str(error))
    if not passed:
        raise typer.Exit(1)


def _listening(setting: Setting, http: str | None, grpc: str | None, admin: str | None) -> Listen:
    listen = setting.config.listen
    return Listen(http=http or listen.http, grpc=grpc or listen.grpc, admin=admin or listen.admin, router=listen.router)
