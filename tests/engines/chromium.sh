#!/bin/sh
# Unpacks Debian's Chromium and a typeface into the folder given.
set -eu
sh "$(dirname "$0")/debian.sh" "$1" needs chromium fonts-inter
cd "$1"
cat > fonts.conf <<CONF
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>$PWD/root/usr/share/fonts</dir>
  <cachedir>$PWD/fonts</cachedir>
</fontconfig>
CONF
