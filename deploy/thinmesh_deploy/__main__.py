"""`python -m thinmesh_deploy` is `thinmesh`."""

from thinmesh_deploy.cli import app

app(prog_name="thinmesh")
