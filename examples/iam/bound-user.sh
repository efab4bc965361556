#!/usr/bin/env bash
# A permissions boundary for a user: what the policy does not allow, the user may not, whatever else he is given.
# Prints what the simulator then says about each action that is named.
#
#   examples/iam/bound-user.sh alice arn:aws:iam::aws:policy/ReadOnlyAccess iam:GetUser iam:CreateUser
#   examples/iam/bound-user.sh alice none
. "$(dirname "$0")/common.sh"
[ $# -ge 2 ] || fail "usage: $0 USER POLICY_ARN|none [ACTION…]"
user=$1 boundary=$2
shift 2

if [ "$boundary" = none ]; then
  iam delete-user-permissions-boundary --user-name "$user"
else
  iam put-user-permissions-boundary --user-name "$user" --permissions-boundary "$boundary"
fi
say "the boundary of $user: $(ask 'User.PermissionsBoundary.PermissionsBoundaryArn' get-user --user-name "$user")"
[ $# -eq 0 ] || ask 'EvaluationResults[].[EvalActionName,EvalDecision]' simulate-principal-policy \
  --policy-source-arn "$(ask 'User.Arn' get-user --user-name "$user")" --action-names "$@"
