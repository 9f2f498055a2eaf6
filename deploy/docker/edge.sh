#!/bin/sh
# nginx in the place of this script, with the configuration that thinmesh.yaml says.
set -eu
thinmesh render nginx --config /etc/thinmesh/thinmesh.yaml --state /tmp/thinmesh --into /tmp/thinmesh/nginx.conf
exec "$(python -c 'from thinmesh_deploy.edge.found import find; print(find().program)')" -c /tmp/thinmesh/nginx.conf -g 'daemon off;'
