#!/bin/sh
# Unpacks Debian packages into FOLDER/root, for which nobody needs to be root: debian.sh FOLDER alone|needs PACKAGE...
# alone: these and no more; needs: also what they need and this machine lacks.
set -eu
folder=$1 how=$2
shift 2
rm -rf "$folder"
mkdir -p "$folder/lists/partial" "$folder/debs/partial" "$folder/root"
cd "$folder"
apt="apt-get --quiet=2 -o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/debs -o Dir::Cache::archives=$PWD/debs -o Debug::NoLocking=1"
$apt update
case $how in
    alone) (cd debs && $apt download "$@") ;;
    needs) $apt install --yes --no-install-recommends --download-only "$@" ;;
esac
for package in debs/*.deb; do dpkg --extract "$package" root; done
rm -r lists debs
