"""Adapters of other packages are found by their entry points, and take nobody's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from thinmesh_adapters.config import AdapterConfig
from thinmesh_adapters.contract import Place
from thinmesh_adapters.echo import EchoAdapter
from thinmesh_adapters.registry import create, find
from thinmesh_core.config import ConfigError

PLACE = Place("a", Path("/nowhere"))


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two installed packages that bring adapters."""
    for package, points in {
        "parrots": "parrot = thinmesh_adapters.echo:EchoAdapter\necho = thinmesh_adapters.echo:Taken\ntwice = a:B",
        "strangers": "twice = a:B\nbroken = no_such_module:A\nwrong = thinmesh_adapters.echo:tokens",
    }.items():
        folder = tmp_path / f"{package}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        isolated = "[thinmesh.adapters.isolated]\ncaged = thinmesh_adapters.echo:EchoAdapter\n" if package == "parrots" else ""
        (folder / "entry_points.txt").write_text(f"[thinmesh.adapters]\n{points}\n{isolated}")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_an_installed_packages_adapter_is_found_and_created() -> None:
    adapter = create(AdapterConfig(adapter="parrot", options={"model": "polly"}), PLACE)
    assert isinstance(adapter, EchoAdapter)
    assert adapter.options.model == "polly"


def test_its_metadata_says_whether_it_needs_a_process_of_its_own() -> None:
    assert (find("parrot").isolated, find("caged").isolated) == (False, True)


def test_a_built_in_name_stays_the_meshs() -> None:
    assert find("echo").name == "EchoAdapter"


@pytest.mark.parametrize(
    ("adapter", "told"),
    [
        ("polly", "there is no adapter 'polly'; there are: broken, caged, echo, llamacpp, onnx, openai, parrot, triton"),
        ("twice", "'twice' is in several packages: uninstall all but one of parrots, strangers"),
        ("broken", "'broken' of the package strangers can't be imported: No module named 'no_such_module'"),
        ("wrong", "'wrong' of the package strangers is no Adapter: thinmesh_adapters.echo:tokens"),
    ],
)
def test_a_wrong_entry_point_names_the_fix(adapter: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        create(AdapterConfig(adapter=adapter), PLACE)
