"""What the doctor says of what it has found; the looks themselves are in tests/integration/test_doctor.py."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from certificates import Authority, Files
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from thinmesh.router.v1 import backend_service_pb2 as pb

from thinmesh_core.address import parse
from thinmesh_deploy.doctor import backends, certificates, folder, listening, versions
from thinmesh_deploy.doctor.certificates import DAY, Pair
from thinmesh_deploy.doctor.finding import Finding, Level, note, ok, warning, worst_first, wrong
from thinmesh_deploy.doctor.listening import Port
from thinmesh_deploy.doctor.owner import Owner, owner

WEB, OURS = Owner(7, "python3", mesh=False), Owner(8, "thinmesh", mesh=True)


def levels(findings: list[Finding]) -> list[Level]:
    return [one.level for one in findings]


def test_what_is_wrong_comes_first_and_the_rest_as_it_was_found() -> None:
    found = [ok("a", ""), note("b", ""), wrong("c", "", ""), warning("d", "", ""), wrong("e", "", "")]
    assert [one.where for one in worst_first(found)] == ["c", "e", "d", "b", "a"]


def test_a_backend_that_the_running_mesh_has_not_read_is_told() -> None:
    found = backends.unread(["new", "old"], [pb.Backend(name="old"), pb.Backend(name="gone")])
    assert [(one.where, one.level) for one in found] == [("backends.new", Level.WRONG)]


@pytest.mark.parametrize(
    ("port", "by", "level", "said"),
    [
        (Port.FREE, None, Level.OK, "free"),
        (Port.TAKEN, OURS, Level.OK, "served by thinmesh (process 8)"),
        (Port.TAKEN, WEB, Level.WRONG, "taken by python3 (process 7)"),
        (Port.TAKEN, None, Level.WARNING, "another user's"),
        (Port.ELSEWHERE, None, Level.WARNING, "no address of this machine"),
        (Port.FORBIDDEN, None, Level.WARNING, "may not listen"),
    ],
)
def test_a_port_is_free_our_own_or_somebody_elses(port: Port, by: Owner | None, level: Level, said: str) -> None:
    found = listening.judge("listen.http", parse("127.0.0.1:8080"), port, by)
    assert (found.level, said in found.what) == (level, True)
    assert (found.do == "") == (level is Level.OK)


def test_who_listens_is_known_by_name_and_nothing_of_its_command_line(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text("head\n 0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 4242 1\n")
    (tmp_path / "12" / "fd").mkdir(parents=True)
    (tmp_path / "12" / "fd" / "3").symlink_to("socket:[4242]")
    (tmp_path / "12" / "cmdline").write_text("python3\0/opt/bin/thinmesh\0up\0--secret=x")
    (tmp_path / "12" / "comm").write_text("python3\n")
    assert owner(8080, tmp_path) == Owner(12, "python3", mesh=True)
    assert owner(8081, tmp_path) is None


def test_a_certificate_is_looked_at_for_its_end_its_key_its_authority_and_its_role(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    router, other = authority.issue("router", days=30), authority.issue("gateway", days=30)
    now = time.time()

    def said(files: Files, key: Path | None = None, by: Path = authority.file, role: str = "router", later: float = 0) -> str:
        pair = Pair("tls", files.certificate, key or files.key, role)
        found = certificates.judge(
            pair, by.read_bytes(), pair.certificate.read_bytes(), pair.key.read_bytes(), now + later * DAY
        )
        return "; ".join(f"{one.level}: {one.what}" for one in found)

    assert said(router) == "ok: the certificate holds for 30 days"
    assert said(router, later=25) == "warning: it ends in 5.0 days"
    assert said(router, later=33) == "wrong: it has expired 3 days ago"
    assert "not of each other" in said(router, key=other.key)
    assert "not of the authority" in said(router, by=stranger.file)
    assert "is not for router.thinmesh" in said(other)
    assert "no PEM key" in said(router, key=router.certificate)


def test_a_full_disk_is_wrong_and_a_nearly_full_one_a_warning() -> None:
    assert levels(folder.room(Path("/x"), folder.FULL_BYTES - 1)) == [Level.WRONG]
    assert levels(folder.room(Path("/x"), folder.LITTLE_BYTES - 1)) == [Level.WARNING]
    assert folder.room(Path("/x"), folder.LITTLE_BYTES) == []


def test_a_state_folder_that_others_can_read_is_wrong_and_its_secrets_are_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for name, mode in (("pepper", 0o644), ("keys.db", 0o600)):
        (tmp_path / name).touch(mode=mode)
        (tmp_path / name).chmod(mode)
    (found,) = [one for one in folder.look(tmp_path) if "reach" in one.what]
    assert (found.level, "pepper" in found.what, "keys.db" in found.what) == (Level.WRONG, True, False)
    tmp_path.chmod(0o700)
    assert not any("reach" in one.what for one in folder.look(tmp_path))
    assert levels(folder.look(tmp_path / "new")) == [Level.NOTE]
    assert levels(folder.look(tmp_path / "pepper")) == [Level.WRONG]


def test_packages_are_judged_by_the_bounds_of_the_extras_that_are_wanted() -> None:
    requires = [Requirement("a<2"), Requirement("b>=3; extra == 'redis'"), Requirement("c>=1; extra == 'oidc'")]
    there = {"a": "2.1", "c": "0.1"}
    found = versions.judge(requires, frozenset({"redis"}), there.get)
    assert [(one.level, one.what) for one in found] == [
        (Level.WRONG, "a 2.1 is not <2"),
        (Level.WARNING, "b is not installed, thinmesh[redis] needs it"),
    ]
    assert levels(versions.judge_python(SpecifierSet(">=3.11"), "3.10.4")) == [Level.WRONG]
    assert versions.judge_python(SpecifierSet(">=3.11"), "3.14.0rc1") == []
