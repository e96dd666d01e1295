#!/usr/bin/env bash
# OpenStack Swift with its S3 API on loopback: one replica, a folder as its only device, no cache.
#
#   swift.sh install          install Swift into a virtual environment of its own
#   swift.sh start FOLDER     start a store of its own in FOLDER; returns when a bucket could be created
#   swift.sh stop FOLDER      stop what `start` started there, and nothing else
#
# SWIFT_PORT (8085) is the S3 endpoint; SWIFT_ACCOUNT_PORT, SWIFT_CONTAINER_PORT and SWIFT_OBJECT_PORT (6202, 6201,
# 6200) are its own. With other ports and another FOLDER several run side by side.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/bucket.sh"

environment=${TEST_SERVERS:-$HOME/.cache/provenstore/servers}/swift
access_key=test:tester
secret_key=testing
port=${SWIFT_PORT:-8085}
declare -A ports=(
  [account]=${SWIFT_ACCOUNT_PORT:-6202} [container]=${SWIFT_CONTAINER_PORT:-6201} [object]=${SWIFT_OBJECT_PORT:-6200}
)

die() { echo "swift.sh: $*" >&2; exit 1; }

install() {
  mkdir -p "$environment"
  exec 9>"$environment/lock"
  flock 9
  [ -e "$environment/complete" ] && return
  python3 -m venv --clear "$environment/venv"
  # Its entry points still need pkg_resources, which newer setuptools have dropped.
  "$environment/venv/bin/pip" install --quiet --disable-pip-version-check 'swift==2.38.*' 'setuptools<81' \
    >"$environment/install.log" 2>&1 || die "no packages; see $environment/install.log"
  touch "$environment/complete"
}

ring() {  # NAME PORT: the one place where everything lies
  local builder=$folder/etc/$1.builder device=r1z1-127.0.0.1:$2/device
  "$bin/swift-ring-builder" "$builder" create 4 1 0
  "$bin/swift-ring-builder" "$builder" add "$device" 1
  "$bin/swift-ring-builder" "$builder" rebalance
}

backend() {  # NAME PORT
  cat <<CONF
[DEFAULT]
swift_dir = $folder/etc
devices = $folder/devices
mount_check = false
fallocate_reserve = 0
disable_fallocate = true
bind_ip = 127.0.0.1
bind_port = $2
user = $(id -un)
workers = 1
log_level = WARNING
log_address = $folder/log/none
[pipeline:main]
pipeline = $1-server
[app:$1-server]
use = egg:swift#$1
CONF
}

proxy() {
  cat <<CONF
[DEFAULT]
swift_dir = $folder/etc
bind_ip = 127.0.0.1
bind_port = $port
user = $(id -un)
workers = 2
log_level = WARNING
log_address = $folder/log/none
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
min_segment_size = 5242880
max_upload_part_num = 10000
allow_multipart_uploads = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = $secret_key .admin
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
CONF
  local filter
  for filter in catch_errors gatekeeper healthcheck listing_formats bulk copy slo dlo symlink; do
    printf '[filter:%s]\nuse = egg:swift#%s\n' $filter $filter
  done
}

run() {  # NAME
  setsid "$bin/swift-$1-server" "$folder/etc/$1-server.conf" >"$folder/log/$1.out" 2>&1 </dev/null &
  echo $! >"$folder/$1.started"
}

start() {
  [ -e "$environment/complete" ] || die "run 'swift.sh install' first"
  [ -z "$(ls -A "$folder" 2>/dev/null)" ] || die "$folder is not empty"
  mkdir -p "$folder/etc" "$folder/devices/device" "$folder/log"
  printf '[swift-hash]\nswift_hash_path_suffix = throw-away\n[storage-policy:0]\nname = one\ndefault = yes\n' \
    >"$folder/etc/swift.conf"
  local name
  for name in account container object; do
    backend $name "${ports[$name]}" >"$folder/etc/$name-server.conf"
    ring $name "${ports[$name]}" >"$folder/log/ring-$name.out"
    run $name
  done
  proxy >"$folder/etc/proxy-server.conf"
  run proxy
  # The first buckets may be refused with 500 while the account is being made.
  local deadline=$((SECONDS + 60))
  until create_bucket "http://127.0.0.1:$port" "$access_key" "$secret_key"; do
    [ $SECONDS -lt $deadline ] || { tail -n 5 "$folder"/log/*.out >&2; die "no bucket could be created"; }
    sleep 0.2
  done
}

ours() { grep -qsF -- "$folder/" "/proc/$1/cmdline"; }  # a process id may have gone to somebody else meanwhile

stop() {
  local name pid
  for name in proxy object container account; do
    [ -e "$folder/$name.started" ] || continue
    pid=$(cat "$folder/$name.started")
    # Its workers are in the session that it leads.
    if ours "$pid"; then kill -- "-$pid"; fi
  done
}

command=${1:-}
bin=$environment/venv/bin
case $command in
  install) install ;;
  start | stop)
    folder=$(realpath -m "${2:?a folder}")
    export XDG_CACHE_HOME=$folder/cache
    $command
    ;;
  *) die "usage: swift.sh install | start FOLDER | stop FOLDER" ;;
esac
