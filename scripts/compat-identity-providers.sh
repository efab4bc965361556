#!/usr/bin/env bash
# Fetches the identity providers that test/compat/ tries Stint with, into .stint-compat/ of the project: SimpleSAMLphp with
# the PHP that it runs on, and LemonLDAP::NG with the Perl modules that it needs, Lasso for SAML among them. They are Debian's packages: apt-get fetches
# them (and checks their signatures), and they are unpacked. Nothing is installed, no package's script is run, and nothing
# outside that folder is changed, so this needs no root. What is there already is left as it is; remove the folder to have it anew.
#
# Usage: scripts/compat-identity-providers.sh
# Ends with 0 where both can be used, and otherwise with one line that says why not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
home=$PWD/.stint-compat
apt=(apt-get -qq)

say() { printf 'compat: %s\n' "$*"; }
fail() {
  printf 'compat: %s\n' "$*" >&2
  exit 1
}

# Which of these packages, and of what they depend on, this system does not have.
missing() {
  "${apt[@]}" install --simulate --no-install-recommends "$@" | awk '/^Inst / && $3 !~ /^\[/ { print $2 }'
}

# Downloads packages into a folder.
download() {
  local into=$1
  shift
  (cd "$into" && "${apt[@]}" download "$@")
}

# fetch ONLY PACKAGE…: fetches and unpacks ONLY without what it depends on (nothing where it is empty), and the packages
# with all that they depend on and the system lacks.
fetch() {
  local folder=$1 only=$2 names
  shift 2
  mkdir "$folder/packages" "$folder/root"
  names=$(missing "$@") || return 1
  # shellcheck disable=SC2086 # names of packages have no spaces
  download "$folder/packages" $only $names || return 1
  local package
  for package in "$folder"/packages/*.deb; do dpkg-deb --extract "$package" "$folder/root" || return 1; done
  (cd "$folder/packages" && ls) >"$folder/versions"
  rm -r "$folder/packages"
}

# The lists of packages that the system has may be old, or not there: then some are fetched, for this alone.
with_lists() {
  "$@" 2>"$work/said" && return
  if [ ! -d "$work/lists" ]; then
    say 'the lists of packages do not do; fetching some for this alone'
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
    apt+=(-o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache")
    "${apt[@]}" update 2>"$work/said" || fail "cannot fetch the lists of packages: $(tail -n 1 "$work/said")"
  fi
  rm -rf "${2:?}"
  mkdir "$2"
  "$@" 2>"$work/said" || fail "cannot fetch ${2##*/}: $(tail -n 1 "$work/said")"
}

# A program that the packages bring, as one that finds their libraries.
wrapper() {
  local file=$1
  shift
  {
    printf '#!/bin/sh\nroot=$(cd "$(dirname "$0")/../root" && pwd)\n'
    printf '%s\n' "$@"
  } >"$file"
  chmod 755 "$file"
}

simplesamlphp() {
  local folder=$1 root=$1/root php extensions flags=''
  # The package itself wants a web server, which PHP has built in.
  with_lists fetch "$folder" simplesamlphp php-cli php-xml php-mbstring
  mkdir "$folder/bin"
  if php=$(cd "$root" && ls -d usr/bin/php[0-9].[0-9] 2>/dev/null); then
    extensions=$(cd "$root" && ls -d usr/lib/php/20[0-9]*)
    for extension in ctype dom iconv mbstring posix simplexml tokenizer xml; do
      [ ! -e "$root/$extensions/$extension.so" ] || flags+=" -d extension=$extension"
    done
    wrapper "$folder/bin/php" 'LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-*)' 'export LD_LIBRARY_PATH' "exec \"\$root/$php\" -n -d \"extension_dir=\$root/$extensions\"$flags \"\$@\""
  else
    wrapper "$folder/bin/php" 'exec php "$@"'
  fi
  "$folder/bin/php" -r 'foreach (["ctype", "dom", "mbstring", "openssl", "posix", "xml"] as $name) if (!extension_loaded($name)) { fwrite(STDERR, "PHP has no $name\n"); exit(1); }' 2>"$work/said" || fail "PHP does not run: $(tail -n 1 "$work/said")"
  [ -f "$root/usr/share/simplesamlphp/www/saml2/idp/SSOService.php" ] || fail 'the package of SimpleSAMLphp has no identity provider of SAML 2.0'
}

lemonldap() {
  local folder=$1 root=$1/root
  with_lists fetch "$folder" '' liblemonldap-ng-portal-perl liblasso-perl libglib-perl libxml-simple-perl libstring-random-perl libio-string-perl libconvert-pem-perl starman
  mkdir "$folder/bin"
  # Lasso's library is in the folder above those of the others.
  wrapper "$folder/bin/perl" 'LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-*):$root/usr/lib' 'PERL5LIB=$root/usr/share/perl5' 'for more in "$root"/usr/lib/*/perl5/*; do PERL5LIB=$PERL5LIB:$more; done' 'export LD_LIBRARY_PATH PERL5LIB' 'exec perl "$@"'
  wrapper "$folder/bin/starman" 'starman=$root/usr/bin/starman' '[ -e "$starman" ] || starman=$(command -v starman)' 'exec "$(dirname "$0")/perl" "$starman" "$@"'
  "$folder/bin/perl" -MLemonldap::NG::Portal::Main -MLemonldap::NG::Portal::Issuer::OpenIDConnect -MLemonldap::NG::Portal::Issuer::SAML -MLasso -MConvert::PEM -MStarman::Server -e 1 2>"$work/said" || fail "LemonLDAP::NG does not run: $(tail -n 1 "$work/said")"
  : >"$folder/saml"
}

# Makes a provider's folder in one piece, so that one that has its last file is complete.
provide() {
  local name=$1 how=$2 last=$3
  if [ -f "$home/$name/$last" ]; then
    say "$name is there"
    return
  fi
  say "fetching $name"
  mkdir "$work/$name"
  "$how" "$work/$name"
  rm -rf "${home:?}/$name"
  mv "$work/$name" "$home/$name"
  say "$name is there: $(grep -m 1 -E "^(lib)?$name[-_]" "$home/$name/versions" | cut -d _ -f 1-2), and $(($(wc -l <"$home/$name/versions") - 1)) packages that it needs"
}

for tool in apt-get dpkg-deb perl; do
  command -v "$tool" >/dev/null || fail "there is no $tool; this needs Debian, or a system like it"
done
mkdir -p "$home"
exec 9>"$home/lock"
if command -v flock >/dev/null; then flock 9; fi
work=$(mktemp -d "$home/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
provide simplesamlphp simplesamlphp versions
provide lemonldap-ng lemonldap saml
