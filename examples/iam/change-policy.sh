#!/usr/bin/env bash
# A managed policy and its versions: a new document becomes a new version in force, and what it replaces can be
# brought back. Prints the policy's ARN.
#
#   examples/iam/change-policy.sh deployers policy.json     # makes it, or changes it
#   examples/iam/change-policy.sh deployers v1              # puts an older version in force again
. "$(dirname "$0")/common.sh"
[ $# -eq 2 ] || fail "usage: $0 NAME FILE|VERSION"
name=$1 what=$2

arn=$(ask "Policies[?PolicyName=='$name'].Arn" list-policies --scope Local)
if [ -z "$arn" ]; then
  [ -f "$what" ] || fail "there is neither a policy $name nor a file $what"
  arn=$(ask 'Policy.Arn' create-policy --policy-name "$name" --policy-document "file://$what")
  iam wait policy-exists --policy-arn "$arn"
elif [ -f "$what" ]; then
  # A policy has five versions at the most: the oldest that is not in force makes room.
  old=$(ask 'Versions[?!IsDefaultVersion].VersionId' list-policy-versions --policy-arn "$arn")
  if [ "$(wc -w <<<"$old")" -ge 4 ]; then
    oldest=${old##*[[:space:]]}
    iam delete-policy-version --policy-arn "$arn" --version-id "$oldest"
    say "deleted the version $oldest"
  fi
  iam create-policy-version --policy-arn "$arn" --policy-document "file://$what" --set-as-default >/dev/null
else
  iam set-default-policy-version --policy-arn "$arn" --version-id "$what"
fi
say "in force: $(ask 'Policy.DefaultVersionId' get-policy --policy-arn "$arn") of $(ask 'Versions[].VersionId' list-policy-versions --policy-arn "$arn" | tr '\t' ' ')"
printf '%s\n' "$arn"
