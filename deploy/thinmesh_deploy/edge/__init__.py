"""nginx in front of the gateways: what thinmesh.yaml says of it, and its process."""
