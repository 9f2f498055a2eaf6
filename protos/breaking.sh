#!/bin/sh
# buf breaking against main; on main itself, against the commit before.
set -eu
base=$(git rev-parse --quiet --verify main || git rev-parse --quiet --verify origin/main || true)
if [ "$base" = "$(git rev-parse HEAD)" ]; then
    base=$(git rev-parse --quiet --verify HEAD~1 || true)
fi
if [ -z "$base" ]; then
    echo "buf breaking: nothing to compare with"
    exit 0
fi
buf breaking --against ".git#ref=$base"
echo "buf breaking: compatible with $(git rev-parse --short "$base")"
