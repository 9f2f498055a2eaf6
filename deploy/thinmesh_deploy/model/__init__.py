"""`thinmesh model`: the models of thinmesh.yaml, added, listed and removed."""
