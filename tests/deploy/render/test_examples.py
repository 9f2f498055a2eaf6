"""Every file of deploy/examples, rendered as all that it is for, and shown to the programs that are to read it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from certificates import Authority
from deploy.render.charts import ROOT, check
from edge import DEBIANS

from thinmesh_core.config import ConfigError
from thinmesh_deploy.config import Setting, read
from thinmesh_deploy.edge.found import find
from thinmesh_deploy.render.compose import compose
from thinmesh_deploy.render.helm import helm_values
from thinmesh_deploy.render.nginx import NEWEST, OLDEST, Version, nginx_conf

PROGRAMS = Path(sys.executable).parent
EXAMPLES = sorted((ROOT / "deploy" / "examples").glob("*.yaml"))

Render = Callable[[Setting], str]


def ran(program: Path, *args: object) -> str:
    """What a program says of a file; nothing where it finds nothing."""
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def here(example: Path, folder: Path) -> Setting:
    """The example with certificates of this machine in the place of a container's: nginx opens them."""
    files = Authority(folder / "tls").issue(named="edge", host="localhost")
    text = example.read_text()
    edge = yaml.safe_load(text)["edge"]
    file = folder / example.name
    file.write_text(text.replace(edge["certificate"], str(files.certificate)).replace(edge["key"], str(files.key)))
    return read(file, folder / "state")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_what_runs_it_is_rendered_and_found_valid(example: Path, tmp_path: Path) -> None:
    """For one machine or for pods: what it is not for, refuses it by a key."""
    setting = read(example, tmp_path / "state")
    pods = setting.config.listen.router is not None
    refusing: Render = compose if pods else helm_values
    with pytest.raises(ConfigError, match=r"leave it out|say router:7000"):
        refusing(setting)
    if pods:
        check(yaml.safe_load(helm_values(setting)), tmp_path)
        return
    file = tmp_path / "compose.yaml"
    file.write_text(compose(setting))
    assert not ran(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)


@pytest.mark.parametrize(("version", "program"), [(OLDEST, DEBIANS), (NEWEST, None)], ids=["1.22", "1.31"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_its_edge_is_what_nginx_and_gixy_take(example: Path, version: Version, program: Path | None, tmp_path: Path) -> None:
    """HSTS is for browsers, and for all that a host serves: its owner's to say."""
    setting, nginx, file = here(example, tmp_path), find(program), tmp_path / "nginx.conf"
    assert nginx.version >= version
    file.write_text(nginx_conf(setting, version))
    (setting.state / "edge").mkdir()
    assert not ran(PROGRAMS / "gixy", "--skips", "hsts_header", file)
    assert not ran(nginx.program, "-t", "-q", "-c", file)
