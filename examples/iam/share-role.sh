#!/usr/bin/env bash
# A role that another account may assume, if it says the external id that was agreed on. Prints the role's ARN.
#
#   examples/iam/share-role.sh auditor 123456789012 agreed-upon-id arn:aws:iam::aws:policy/SecurityAudit
#
# The other account lets one of its users call sts:AssumeRole on that ARN, who then calls
#   aws sts assume-role --role-arn … --role-session-name audit --external-id agreed-upon-id
. "$(dirname "$0")/common.sh"
[ $# -eq 4 ] || fail "usage: $0 ROLE OTHER_ACCOUNT_ID EXTERNAL_ID POLICY_ARN"
role=$1 account=$2 external=$3 policy=$4

trust='{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Principal": { "AWS": "arn:aws:iam::'$account':root" },
    "Action": "sts:AssumeRole",
    "Condition": { "StringEquals": { "sts:ExternalId": "'$external'" } }
  }]
}'
if is_there get-role --role-name "$role"; then
  iam update-assume-role-policy --role-name "$role" --policy-document "$trust"
  say "$role now trusts $account"
else
  iam create-role --role-name "$role" --assume-role-policy-document "$trust" >/dev/null
  iam wait role-exists --role-name "$role"
  say "made the role $role, which trusts $account"
fi
iam attach-role-policy --role-name "$role" --policy-arn "$policy"
ask 'Role.Arn' get-role --role-name "$role"
