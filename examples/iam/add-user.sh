#!/usr/bin/env bash
# A user with an access key, in a group that has a policy. The group is made where it is not there yet.
#
#   examples/iam/add-user.sh alice readers arn:aws:iam::aws:policy/ReadOnlyAccess >>~/.aws/credentials
. "$(dirname "$0")/common.sh"
[ $# -eq 3 ] || fail "usage: $0 USER GROUP POLICY_ARN"
user=$1 group=$2 policy=$3

if ! is_there get-group --group-name "$group"; then
  iam create-group --group-name "$group" >/dev/null
  say "made the group $group"
fi
iam attach-group-policy --group-name "$group" --policy-arn "$policy"

iam create-user --user-name "$user" >/dev/null
iam wait user-exists --user-name "$user"
iam add-user-to-group --group-name "$group" --user-name "$user"
say "made the user $user, who is in: $(ask 'Groups[].GroupName' list-groups-for-user --user-name "$user")"

made=$(ask 'AccessKey.[AccessKeyId,SecretAccessKey]' create-access-key --user-name "$user")
read -r key secret <<<"$made"
say "made the access key $key, whose secret is shown this once"
as_profile "$user" "$key" "$secret"
