"""Files for other programs, out of thinmesh.yaml by jinja2 templates."""
