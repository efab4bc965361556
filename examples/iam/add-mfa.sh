#!/usr/bin/env bash
# A virtual MFA device for a user, called like him. First it is made, and a picture of its seed is written for an authenticator
# app to read; then it is enabled with two codes that the app shows one after the other.
#
#   examples/iam/add-mfa.sh alice alice.png
#   examples/iam/add-mfa.sh alice 123456 234567 && rm alice.png
. "$(dirname "$0")/common.sh"
[ $# -eq 2 ] || [ $# -eq 3 ] || fail "usage: $0 USER PICTURE.png | USER CODE NEXT_CODE"
user=$1

if [ $# -eq 2 ]; then
  # Whoever sees the picture has the device.
  umask 077
  serial=$(iam create-virtual-mfa-device --virtual-mfa-device-name "$user" --bootstrap-method QRCodePNG --outfile "$2" \
    --query VirtualMFADevice.SerialNumber --output text)
  say "made the device; let the app read $2, wait for two codes, and call: $0 $user CODE NEXT_CODE"
else
  account=$(stint sts get-caller-identity --query Account --output text)
  serial=arn:aws:iam::$account:mfa/$user
  iam enable-mfa-device --user-name "$user" --serial-number "$serial" --authentication-code1 "$2" --authentication-code2 "$3"
  say "enabled the device for $user; the next code it shows is the first that can be used"
fi
printf '%s\n' "$serial"
