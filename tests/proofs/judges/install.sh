#!/usr/bin/env bash
# The judges of our proofs, in a folder of their own: install.sh FOLDER
#
# FOLDER is a virtual environment that has requirements-proofs.txt (Go among them). Added to it are Debian's package of
# golang.org/x/mod, unpacked without touching the system, and the judge built from judge.go and it. Nothing is
# downloaded as a Go module, and a judge that cannot be had fails the script.
set -euo pipefail

folder=$(realpath "$1")
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
archives=$folder/archives

die() { echo "install.sh: $*" >&2; exit 1; }

command -v openssl >/dev/null || die "openssl is missing"

# Only root may renew the package lists; without root the ones that are there have to do.
[ "$(id -u)" != 0 ] || apt-get update -qq || true
mkdir -p "$archives/partial"
apt-get install -qq -y --no-install-recommends --reinstall --download-only \
  -o Debug::NoLocking=1 -o Dir::Cache::archives="$archives" \
  golang-golang-x-mod-dev >"$folder/install.log" 2>&1 || die "no package; see $folder/install.log"
for package in "$archives"/golang-golang-x-mod-dev_*.deb; do dpkg -x "$package" "$folder/debian"; done
rm -r "$archives"

# GOPATH mode takes the package where Debian has put it, and asks no proxy for anything.
GO111MODULE=off GOPATH=$folder/debian/usr/share/gocode GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0 \
  GOCACHE=$folder/go-cache "$folder/bin/go" build -o "$folder/bin/judge-go" "$here/judge.go"
rm -r "$folder/go-cache"
