# What the scripts in this folder have in common; they read it, and it is not run by itself.
#
# They sign with the root access key in .stint/aws (STINT_DATA_DIR names another folder); where there is none, with the
# credentials that the AWS CLI finds by itself. STINT_ENDPOINT names another Stint than that of the files. What others
# may read goes to standard error; standard output has results only, secrets among them.
set -euo pipefail

data=${STINT_DATA_DIR:-.stint}
if [ -f "$data/aws/credentials" ] && [ -f "$data/aws/config" ] && [ -z "${AWS_ACCESS_KEY_ID:-}${AWS_PROFILE:-}" ]; then
  export AWS_CONFIG_FILE=$data/aws/config AWS_SHARED_CREDENTIALS_FILE=$data/aws/credentials
  endpoint=${STINT_ENDPOINT:-$(sed -n 's/^endpoint_url *= *//p' "$AWS_CONFIG_FILE" | head -n 1)}
fi
endpoint=${endpoint:-${STINT_ENDPOINT:-http://127.0.0.1:8700}}
export AWS_DEFAULT_REGION=us-east-1 AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*" && exit 1; }

# With --endpoint-url, because older versions do not read it from the configuration.
stint() { aws --endpoint-url "$endpoint" "$@"; }
iam() { stint iam "$@"; }

# One value, or several with blanks between them, of an answer.
ask() {
  local query=$1
  shift
  iam "$@" --query "$query" --output text
}

# Whether something is there. What is refused for another reason than that it is not ends the script.
is_there() {
  local answer
  if answer=$(iam "$@" 2>&1); then return 0; fi
  case $answer in
    *'(NoSuchEntity)'*) return 1 ;;
    *) fail "$answer" ;;
  esac
}

# An access key as a section of a credentials file.
as_profile() { printf '[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$@"; }
