#!/usr/bin/env bash
# Ceph RGW, the server behind DigitalOcean Spaces, on loopback: one monitor, one OSD in memory, one gateway.
#
#   rgw.sh install          unpack Debian's packages into a private folder; the system stays as it is
#   rgw.sh start FOLDER     start a cluster of its own in FOLDER; returns when a bucket could be created
#   rgw.sh collect FOLDER   free the memory of what was deleted, instead of some time later
#   rgw.sh stop FOLDER      stop what `start` started there, and nothing else
#
# Ports: RGW_PORT (7480), RGW_TLS_PORT (7443), RGW_MON_PORT and RGW_MON_PORT_V1 (13300, 16789). With other ports and
# another FOLDER several clusters run side by side. FOLDER/ca.pem is the authority that signed the https certificate;
# both are made at the start. OSD_BYTES is the size of the cluster: writes to a full one hang without an error.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/bucket.sh"

packages=${TEST_SERVERS:-$HOME/.cache/provenstore/servers}/rgw
access_key=TESTACCESSKEY
secret_key=testsecretkey0123456789
other_access_key=OTHERACCESSKEY
other_secret_key=othersecretkey0123456789
http_port=${RGW_PORT:-7480}
https_port=${RGW_TLS_PORT:-7443}
mon_port=${RGW_MON_PORT:-13300}
mon_port_v1=${RGW_MON_PORT_V1:-16789}

die() { echo "rgw.sh: $*" >&2; exit 1; }

install() {
  mkdir -p "$packages"
  exec 9>"$packages/lock"
  flock 9
  [ -e "$packages/complete" ] && return
  # Only root may renew the package lists; without root the ones that are there have to do.
  [ "$(id -u)" != 0 ] || apt-get update -qq || true
  mkdir -p "$packages/archives/partial"
  apt-get install -qq -y --no-install-recommends --reinstall --download-only \
    -o Debug::NoLocking=1 -o Dir::Cache::archives="$packages/archives" \
    radosgw ceph-mon ceph-osd ceph-common >"$packages/install.log" 2>&1 || die "no packages; see $packages/install.log"
  local package
  for package in "$packages"/archives/*.deb; do dpkg -x "$package" "$packages/root"; done
  rm -r "$packages/archives"
  touch "$packages/complete"
}

certificates() {  # an authority that lives as long as FOLDER, and a certificate for the loopback by it
  local days=2
  openssl req -x509 -newkey rsa:2048 -nodes -days $days -subj "/CN=Throw-away authority" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
    -keyout "$folder/ca.key" -out "$folder/ca.pem"
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$folder/server.key" -out "$folder/server.csr"
  openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial \
    -days $days -out "$folder/server.crt" \
    -extfile <(printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nauthorityKeyIdentifier=keyid\n')
  cat "$folder/server.crt" "$folder/server.key" >"$folder/server.pem"
}

configuration() {
  cat <<CONF
[global]
fsid = $1
mon host = [v2:127.0.0.1:$mon_port/0,v1:127.0.0.1:$mon_port_v1/0]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
run dir = $folder
admin socket = $folder/\$name.\$pid.asok
pid file = $folder/\$name.pid
log file = $folder/log/\$name.log
crash dir = $folder
mon data = $folder/mon
plugin dir = $libraries/ceph
erasure code dir = $libraries/ceph/erasure-code
osd class dir = $libraries/rados-classes
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 1000
mon allow pool size one = true

[osd]
osd data = $folder/osd
osd objectstore = memstore
memstore device bytes = ${OSD_BYTES:-8589934592}
osd memory target = 939524096
osd max object name len = 2048

[client.rgw]
ms mon client mode = crc
rgw frontends = beast endpoint=127.0.0.1:$http_port ssl_endpoint=127.0.0.1:$https_port ssl_certificate=$folder/server.pem tcp_nodelay=1
rgw thread pool size = 64
rgw gc obj min wait = 2
rgw gc processor period = 5
rgw gc processor max time = 30
rgw lc debug interval = ${LC_DEBUG:--1}
CONF
}

ceph() { /usr/bin/python3 "$root/usr/bin/ceph" -c "$CEPH_CONF" "$@"; }

run() {  # NAME PROGRAM ARGUMENT...: a server that outlives this script
  local name=$1
  shift
  setsid "$root/usr/bin/$@" -c "$CEPH_CONF" -f >"$folder/log/$name.out" 2>&1 </dev/null &
  echo $! >"$folder/$name.started"
}

await() {  # SECONDS COMMAND...: until it succeeds
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { tail -n 5 "$folder"/log/* >&2; die "gave up waiting for: $*"; }
    sleep 0.2
  done
}

osd_is_up() { ceph osd stat | grep -q '1 up'; }

user() {  # NAME ACCESS_KEY SECRET_KEY
  "$root/usr/bin/radosgw-admin" -c "$CEPH_CONF" -n client.rgw user create --uid="$1" --display-name="$1" \
    --access-key="$2" --secret-key="$3" >"$folder/user-$1.json" 2>"$folder/log/admin-$1.out"
}

bucket_can_be_created() {
  create_bucket "https://127.0.0.1:$https_port" "$access_key" "$secret_key" --cacert "$folder/ca.pem"
}

start() {
  [ -e "$packages/complete" ] || die "run 'rgw.sh install' first"
  [ -z "$(ls -A "$folder" 2>/dev/null)" ] || die "$folder is not empty"
  mkdir -p "$folder/mon" "$folder/osd" "$folder/log"
  certificates 2>"$folder/log/openssl.out"
  local fsid osd
  fsid=$(cat /proc/sys/kernel/random/uuid)
  osd=$(cat /proc/sys/kernel/random/uuid)
  configuration "$fsid" >"$CEPH_CONF"

  # 1. The monitor, who knows who is there.
  "$root/usr/bin/monmaptool" --create --clobber --fsid "$fsid" \
    --addv a "[v2:127.0.0.1:$mon_port,v1:127.0.0.1:$mon_port_v1]" "$folder/monmap" >/dev/null
  "$root/usr/bin/ceph-mon" -c "$CEPH_CONF" --mkfs -i a --monmap "$folder/monmap"
  run mon ceph-mon -i a
  # 2. The OSD, which keeps the bytes.
  await 30 ceph osd new "$osd"
  "$root/usr/bin/ceph-osd" -c "$CEPH_CONF" -i 0 --mkfs --osd-uuid "$osd" 2>"$folder/log/osd-mkfs.out"
  run osd ceph-osd -i 0
  await 60 osd_is_up
  # 3. Two users who are strangers to each other, and the gateway.
  user test "$access_key" "$secret_key"
  user other "$other_access_key" "$other_secret_key"
  run rgw radosgw -n client.rgw
  await 60 bucket_can_be_created
}

collect() {
  "$root/usr/bin/radosgw-admin" -c "$CEPH_CONF" -n client.rgw gc process --include-all >/dev/null 2>"$folder/log/collect.out"
}

ours() { grep -qsF -- "$folder/" "/proc/$1/cmdline"; }  # a process id may have gone to somebody else meanwhile

stop() {
  local name pid
  for name in rgw osd mon; do  # the gateway first: without a monitor it does not end on SIGTERM
    [ -e "$folder/$name.started" ] || continue
    pid=$(cat "$folder/$name.started")
    ours "$pid" && kill "$pid" || continue
    for _ in $(seq 25); do ours "$pid" || break; sleep 0.2; done
    if ours "$pid"; then kill -9 "$pid"; fi
  done
}

command=${1:-}
root=$packages/root
libraries=$root/usr/lib/$(uname -m)-linux-gnu
case $command in
  install) install ;;
  start | collect | stop)
    folder=$(realpath -m "${2:?a folder}")
    export CEPH_CONF=$folder/ceph.conf
    export LD_LIBRARY_PATH=$libraries:$libraries/ceph:$root/lib/$(uname -m)-linux-gnu
    export PYTHONPATH=$root/usr/lib/python3/dist-packages
    $command
    ;;
  *) die "usage: rgw.sh install | start FOLDER | collect FOLDER | stop FOLDER" ;;
esac
