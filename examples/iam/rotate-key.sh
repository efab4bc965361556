#!/usr/bin/env bash
# Another access key for a user, in two steps, so that nobody is ever without one.
#
#   examples/iam/rotate-key.sh alice           # a second key; put it where the first one is used
#   examples/iam/rotate-key.sh alice AKIA…     # and take the first one away
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || [ $# -eq 2 ] || fail "usage: $0 USER [OLD_ACCESS_KEY_ID]"
user=$1 old=${2:-}

if [ -z "$old" ]; then
  there=$(ask 'AccessKeyMetadata[].AccessKeyId' list-access-keys --user-name "$user")
  made=$(ask 'AccessKey.[AccessKeyId,SecretAccessKey]' create-access-key --user-name "$user")
  read -r key secret <<<"$made"
  AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret stint sts get-caller-identity >/dev/null
  say "made $key beside: ${there:-nothing}"
  as_profile "$user" "$key" "$secret"
  exit
fi

[ "$(ask 'length(AccessKeyMetadata)' list-access-keys --user-name "$user")" -gt 1 ] || fail "$user has no other key than $old"
say "$old was last used: $(ask 'AccessKeyLastUsed.[LastUsedDate,ServiceName]' get-access-key-last-used --access-key-id "$old" | tr '\t' ' ')"
# Inactive first: whoever still needs it fails now, and could be helped by making it active again.
iam update-access-key --user-name "$user" --access-key-id "$old" --status Inactive
iam delete-access-key --user-name "$user" --access-key-id "$old"
say "deleted $old"
