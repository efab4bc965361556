#!/usr/bin/env bash
# An instance profile with a role in it, as machines get theirs. Prints the profile's ARN.
#
#   examples/iam/give-machine-role.sh web arn:aws:iam::aws:policy/ReadOnlyAccess
. "$(dirname "$0")/common.sh"
[ $# -eq 2 ] || fail "usage: $0 NAME POLICY_ARN"
name=$1 policy=$2

iam create-role --role-name "$name" --assume-role-policy-document '{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" }]
}' >/dev/null
iam attach-role-policy --role-name "$name" --policy-arn "$policy"
iam create-instance-profile --instance-profile-name "$name" >/dev/null
iam wait instance-profile-exists --instance-profile-name "$name"
iam add-role-to-instance-profile --instance-profile-name "$name" --role-name "$name"
say "made the role and the instance profile $name"
ask 'InstanceProfile.Arn' get-instance-profile --instance-profile-name "$name"
