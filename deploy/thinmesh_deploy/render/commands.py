"""`thinmesh render`: files for other programs, out of thinmesh.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import Setting
from thinmesh_deploy.options import STATE, Config, State, fail, say, setting_of

if TYPE_CHECKING:
    from thinmesh_deploy.render.nginx import Version

Into = Annotated[Path | None, typer.Option("--into", help="The file to write. [standard output]")]

render_app = typer.Typer(help="Write files for other programs, out of thinmesh.yaml.", no_args_is_help=True)


@render_app.callback()
def render() -> None:
    """Write files for other programs, out of thinmesh.yaml."""


@render_app.command("nginx")
def nginx(
    config: Config = None,
    state: State = STATE,
    into: Into = None,
    version: Annotated[
        str | None,
        typer.Option("--nginx", metavar="1.22", help="The version that is to read it. [the one found here, else 1.31]"),
    ] = None,
    leaving: Annotated[
        list[str] | None,
        typer.Option("--leaving", metavar="HOST:PORT", help="A gateway's address that gets no new calls; may be repeated."),
    ] = None,
) -> None:
    """Write the nginx.conf that puts nginx in front of the gateways.

    [bold]Examples[/bold]

    thinmesh render nginx --config thinmesh.yaml --into /etc/nginx/nginx.conf

    thinmesh render nginx --nginx 1.22 --leaving 10.0.0.4:8080 --into /etc/nginx/nginx.conf
    """
    from thinmesh_deploy.render.nginx import folder_of, nginx_conf

    setting = setting_of(config, state)
    with _failing(into):
        try:
            folder_of(setting).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            fail(f"the folder of nginx's files can't be made: {error.strerror}; give another as edge.folder")
        text = nginx_conf(setting, _version(version), leaving=tuple(leaving or ()))
        _write(text, into, f"check it with nginx -t -c {into and into.resolve()}")


@render_app.command("alerts")
def alerts(config: Config = None, state: State = STATE, into: Into = None) -> None:
    """Write the rules by which Prometheus alerts when the objectives are not kept, and when something is broken.

    [bold]Examples[/bold]

    thinmesh render alerts --config thinmesh.yaml --into /etc/prometheus/thinmesh.yaml
    """
    from thinmesh_deploy.seeing.rules import rules

    with _failing(into):
        _write(rules(setting_of(config, state).config), into, f"check it with promtool check rules {into}")


@render_app.command("dashboard")
def dashboard(into: Into = None) -> None:
    """Write a dashboard for Grafana: calls, objectives, models, queue, tenants, backends, jobs, processes.

    [bold]Examples[/bold]

    thinmesh render dashboard --into thinmesh-dashboard.json
    """
    try:
        from thinmesh_deploy.seeing.dashboard import dashboard_json
    except ModuleNotFoundError:
        fail("thinmesh render dashboard: install the extra `grafana`")
    with _failing(into):
        _write(dashboard_json(), into, "import it in Grafana, and choose your Prometheus there")


@render_app.command("compose")
def compose(config: Config = None, state: State = STATE, into: Into = None) -> None:
    """Write the compose.yaml that runs all of it on one machine: nginx, gateway, router, and each adapter beside its engine.

    [bold]Example[/bold]

    thinmesh render compose --config thinmesh.yaml --into compose.yaml
    """
    from thinmesh_deploy.render.compose import compose as rendered

    setting = setting_of(config, state)
    with _failing(into, setting):
        _write(rendered(setting), into, f"check it with docker compose --file {into} config --quiet")


@render_app.command("helm-values")
def helm_values(config: Config = None, state: State = STATE, into: Into = None) -> None:
    """Write the values with which the chart in deploy/helm/thinmesh runs all of it in Kubernetes.

    [bold]Example[/bold]

    thinmesh render helm-values --config thinmesh.yaml --into values.yaml
    """
    from thinmesh_deploy.render.helm import helm_values as rendered

    setting = setting_of(config, state)
    with _failing(into, setting):
        _write(rendered(setting), into, f"helm upgrade --install thinmesh deploy/helm/thinmesh --values {into}")


@contextmanager
def _failing(into: Path | None, setting: Setting | None = None) -> Iterator[None]:
    """Ends the command where the configuration is wrong or the file can't be written."""
    try:
        yield
    except ConfigError as error:
        fail(str(error) if setting is None else f"{setting.path}: {error}")
    except OSError as error:
        fail(f"{into} can't be written: {error.strerror}; give another file with --into")


def _write(text: str, into: Path | None, then: str) -> None:
    if into is None:
        print(text, end="")
        return
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(text)
    say(f"{into} is written; {then}")


def _version(text: str | None) -> Version:
    from thinmesh_deploy.edge.found import find
    from thinmesh_deploy.render.nginx import NEWEST, OLDEST

    if text is None:
        try:
            return find().version
        except ConfigError:  # it is rendered for another machine
            return NEWEST
    found = re.fullmatch(r"(\d+)\.(\d+)(\.\d+)?", text)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise ConfigError(f"--nginx: {text!r} is no version from {OLDEST[0]}.{OLDEST[1]} on")
    return int(found[1]), int(found[2])
