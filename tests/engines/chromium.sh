#!/bin/sh
# Unpacks Debian's Chromium, what it needs that this machine lacks, and a typeface into the folder given; no root is needed.
set -eu
mkdir -p "$1/lists/partial" "$1/debs/partial" "$1/root"
cd "$1"
apt="apt-get --quiet=2 -o Dir::State::lists=$PWD/lists -o Dir::Cache=$PWD/debs -o Dir::Cache::archives=$PWD/debs -o Debug::NoLocking=1"
$apt update
$apt install --yes --no-install-recommends --download-only chromium fonts-inter
for package in debs/*.deb; do dpkg --extract "$package" root; done
rm -r lists debs
cat > fonts.conf <<CONF
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>$PWD/root/usr/share/fonts</dir>
  <cachedir>$PWD/fonts</cachedir>
</fontconfig>
CONF
