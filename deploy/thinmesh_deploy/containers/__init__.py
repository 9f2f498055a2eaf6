"""Engines and adapters as containers: what thinmesh.yaml says of them, for the files that `thinmesh render` writes."""
