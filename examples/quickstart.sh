#!/usr/bin/env bash
# The first quarter of an hour with Stint, told with the AWS CLI (version 1 or 2).
#
#   npm start                        # in one terminal
#   examples/quickstart.sh           # in another, in the same folder
#   examples/quickstart.sh https://stint.example.com   # or against another Stint
#
# It signs with the root access key in .stint/aws (STINT_DATA_DIR names another folder); where there is none,
# with the credentials that the AWS CLI finds by itself. What it makes it removes at the end.
set -euo pipefail

data=${STINT_DATA_DIR:-.stint}
config=${AWS_CONFIG_FILE:-$data/aws/config}
credentials=${AWS_SHARED_CREDENTIALS_FILE:-$data/aws/credentials}
endpoint=${1:-}
if [ -f "$credentials" ] && [ -f "$config" ]; then
  export AWS_CONFIG_FILE=$config AWS_SHARED_CREDENTIALS_FILE=$credentials
  # They would be preferred to the files.
  unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE
  endpoint=${endpoint:-$(sed -n "s/^endpoint_url *= *//p" "$config" | head -n 1)}
fi
endpoint=${endpoint:-http://127.0.0.1:8700}
export AWS_DEFAULT_REGION=us-east-1 AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true

name=quickstart-$$-$RANDOM
user=$name-user role=$name-role closed=$name-closed-role
work=$(mktemp -d)
key='' secret='' token=''

step() { printf '\n== %s\n' "$*"; }

# With --endpoint-url, because older versions do not read it from the configuration.
stint() { aws --endpoint-url "$endpoint" "$@"; }

# The same with the access key of the user, or with the session.
as_user() { AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret stint "$@"; }
as_session() { AWS_ACCESS_KEY_ID=$session_key AWS_SECRET_ACCESS_KEY=$session_secret AWS_SESSION_TOKEN=$token stint "$@"; }

# Runs a command that must be refused with this error code.
refused() {
  local code=$1
  shift
  if "$@" >"$work/answer" 2>&1; then
    echo "this should have been refused with $code:" && cat "$work/answer" && return 1
  fi
  grep -q "($code)" "$work/answer" || { echo "this should have been refused with $code, but:" && cat "$work/answer" && return 1; }
  sed '/^$/d' "$work/answer"
}

clean_up() {
  step 'Clean up'
  [ -z "$key" ] || stint iam delete-access-key --user-name "$user" --access-key-id "$key" || true
  for each in "$role" "$closed"; do stint iam delete-role --role-name "$each" 2>/dev/null || true; done
  stint iam delete-user --user-name "$user" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT

step "Who am I? (at $endpoint)"
stint sts get-caller-identity

step "Create the user $user"
arn=$(stint iam create-user --user-name "$user" --query User.Arn --output text)
echo "$arn"

step 'Give the user an access key'
made=$(stint iam create-access-key --user-name "$user" --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)
read -r key secret <<<"$made"
echo "$key"
as_user sts get-caller-identity

step "Create the role $role, whose trust policy names the user"
cat >"$work/trust.json" <<JSON
{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "$arn" }, "Action": "sts:AssumeRole" }]
}
JSON
role_arn=$(stint iam create-role --role-name "$role" --assume-role-policy-document "file://$work/trust.json" --query Role.Arn --output text)
echo "$role_arn"

step 'Assume it as the user: credentials for one hour'
session=$(as_user sts assume-role --role-arn "$role_arn" --role-session-name quickstart \
  --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken,Expiration]' --output text)
read -r session_key session_secret token expiration <<<"$session"
echo "$session_key, until $expiration"

step 'Who am I with the session?'
as_session sts get-caller-identity

step "Create the role $closed, which trusts somebody else"
cat >"$work/closed.json" <<JSON
{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" }]
}
JSON
closed_arn=$(stint iam create-role --role-name "$closed" --assume-role-policy-document "file://$work/closed.json" --query Role.Arn --output text)
echo "$closed_arn"

step 'It refuses the user'
refused AccessDenied as_user sts assume-role --role-arn "$closed_arn" --role-session-name quickstart

step "Make the user's access key inactive"
stint iam update-access-key --user-name "$user" --access-key-id "$key" --status Inactive
refused InvalidClientTokenId as_user sts get-caller-identity

step 'All of it worked'
