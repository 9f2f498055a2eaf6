"""The commands for what jobs carry. They work on the state folder itself, beside running workers, which follow it."""

from __future__ import annotations

import typer

from thinmesh_core.config import ConfigError
from thinmesh_deploy.options import STATE, State, fail, say

payload_app = typer.Typer(help="What jobs carry, encrypted.", no_args_is_help=True)


@payload_app.callback()
def payload() -> None:
    """What jobs carry, encrypted."""


@payload_app.command("rotate")
def rotate(state: State = STATE) -> None:
    """Add a key, which encrypts from now on. The others stay, for what they encrypted.

    [bold]Example[/bold]

    thinmesh payload rotate --state .thinmesh
    """
    from thinmesh_pipelines.payloads import keys

    try:
        key = keys.rotate(state)
    except ConfigError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{state / keys.FILE} can't be written: {error.strerror}; is it the state folder of a worker?")
    say(f"{key} encrypts from now on. Workers elsewhere wait with its payloads until they have {state / keys.FILE} too.")
