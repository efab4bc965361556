#!/usr/bin/env bash
# Removes a user, group, role, instance profile or managed policy with all that would keep it from being deleted.
#
#   examples/iam/remove.sh user alice
#   examples/iam/remove.sh policy arn:aws:iam::123456789012:policy/deployers
. "$(dirname "$0")/common.sh"
[ $# -eq 2 ] || fail "usage: $0 user|group|role|profile|policy NAME (of a policy its ARN)"
kind=$1 name=$2

# Lists are asked for before they are gone through: a list that is refused ends the script, and deletes nothing.

# The policies of a user, group or role: those that are attached, and its own.
without_policies() {
  local attached own each
  attached=$(ask 'AttachedPolicies[].PolicyArn' "list-attached-$kind-policies" "--$kind-name" "$name")
  own=$(ask 'PolicyNames[]' "list-$kind-policies" "--$kind-name" "$name")
  for each in $attached; do iam "detach-$kind-policy" "--$kind-name" "$name" --policy-arn "$each"; done
  for each in $own; do iam "delete-$kind-policy" "--$kind-name" "$name" --policy-name "$each"; done
}

case $kind in
  user)
    keys=$(ask 'AccessKeyMetadata[].AccessKeyId' list-access-keys --user-name "$name")
    groups=$(ask 'Groups[].GroupName' list-groups-for-user --user-name "$name")
    devices=$(ask 'MFADevices[].SerialNumber' list-mfa-devices --user-name "$name")
    if is_there get-login-profile --user-name "$name"; then iam delete-login-profile --user-name "$name"; fi
    for each in $keys; do iam delete-access-key --user-name "$name" --access-key-id "$each"; done
    for each in $groups; do iam remove-user-from-group --user-name "$name" --group-name "$each"; done
    for each in $devices; do
      iam deactivate-mfa-device --user-name "$name" --serial-number "$each"
      iam delete-virtual-mfa-device --serial-number "$each"
    done
    without_policies
    iam delete-user --user-name "$name"
    ;;
  group)
    users=$(ask 'Users[].UserName' get-group --group-name "$name")
    for each in $users; do iam remove-user-from-group --user-name "$each" --group-name "$name"; done
    without_policies
    iam delete-group --group-name "$name"
    ;;
  role)
    profiles=$(ask 'InstanceProfiles[].InstanceProfileName' list-instance-profiles-for-role --role-name "$name")
    for each in $profiles; do iam remove-role-from-instance-profile --instance-profile-name "$each" --role-name "$name"; done
    without_policies
    iam delete-role --role-name "$name"
    ;;
  profile)
    roles=$(ask 'InstanceProfile.Roles[].RoleName' get-instance-profile --instance-profile-name "$name")
    for each in $roles; do iam remove-role-from-instance-profile --instance-profile-name "$name" --role-name "$each"; done
    iam delete-instance-profile --instance-profile-name "$name"
    ;;
  policy)
    # It is not taken away where it is a boundary: whom it bounds would then be allowed more. Deleting is refused instead.
    for each in user:PolicyUsers:UserName group:PolicyGroups:GroupName role:PolicyRoles:RoleName; do
      IFS=: read -r holders list member <<<"$each"
      names=$(ask "$list[].$member" list-entities-for-policy --policy-arn "$name" --policy-usage-filter PermissionsPolicy)
      for holder in $names; do iam "detach-$holders-policy" "--$holders-name" "$holder" --policy-arn "$name"; done
    done
    versions=$(ask 'Versions[?!IsDefaultVersion].VersionId' list-policy-versions --policy-arn "$name")
    for each in $versions; do iam delete-policy-version --policy-arn "$name" --version-id "$each"; done
    iam delete-policy --policy-arn "$name"
    ;;
  *) fail "there is no kind $kind" ;;
esac
say "removed the $kind $name"
