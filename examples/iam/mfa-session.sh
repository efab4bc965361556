#!/usr/bin/env bash
# A session with MFA of the user who signs, as a section of a credentials file. It takes the code that his device shows.
#
#   AWS_PROFILE=alice examples/iam/mfa-session.sh 123456 >>~/.aws/credentials
. "$(dirname "$0")/common.sh"
[ $# -eq 1 ] || fail "usage: $0 CODE"

serial=$(ask 'MFADevices[0].SerialNumber' list-mfa-devices)
[ "$serial" != None ] || fail 'there is no MFA device that is enabled for you'
made=$(stint sts get-session-token --serial-number "$serial" --token-code "$1" \
  --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken,Expiration]' --output text)
read -r key secret token until <<<"$made"
say "a session with MFA until $until; the code is spent"
as_profile mfa "$key" "$secret"
printf 'aws_session_token = %s\n' "$token"
