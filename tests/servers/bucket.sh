# Sourced by the scripts beside it.

# create_bucket URL ACCESS_KEY SECRET_KEY [CURL OPTION...]: create the bucket `ready` or fail.
# The signature is the old one (version 2), which a shell can compute and both servers still take.
create_bucket() {
  local url=$1 access=$2 secret=$3 date signature
  shift 3
  date=$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT')
  signature=$(printf 'PUT\n\n\n%s\n/ready' "$date" | openssl dgst -sha1 -hmac "$secret" -binary | base64)
  curl --silent --fail --max-time 5 --noproxy '*' --output /dev/null "$@" --request PUT "$url/ready" \
    --header "Date: $date" --header "Authorization: AWS $access:$signature"
}
