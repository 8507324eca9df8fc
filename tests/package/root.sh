# A fresh Debian root with the built package laid into it, for the tests beside this file. Sourced; the
# caller says what it is (test=), where the package is ($1), and reads $root, $deb and $web.
# shellcheck shell=sh disable=SC2034

passed=0 failed=0
try() {
	what=$1
	shift
	if out=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "ok: $what"
	else
		failed=$((failed + 1))
		echo "FAILED: $what"
		echo "$out" | tail -n 30
	fi
}

skip() {
	echo "skipped: $*"
	exit 77
}

fails() { ! "$@"; }

verdict() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}

# The release the host runs is fetched from apt's own sources, another one from the archive that mmdebstrap
# knows. The lists stay, so that what the package depends on can be fetched.
suite=${SUITE:-bookworm}
debstrap() { mmdebstrap --quiet --variant=minbase --skip=cleanup/apt/lists --include="$packages" "$@"; }

# A mirror may be half updated for one architecture. Neither a build nor a test needs the security archive.
lean_root() {
	[ -n "$sources" ] || return 1
	echo 'once more, without the security archive'
	lean=$(mktemp -d)
	for f in $sources; do
		case $f in
		*.sources) awk 'BEGIN { RS = ""; ORS = "\n\n" } !/security/' "$f" >"$lean/${f##*/}" ;;
		*) grep -v security "$f" >"$lean/${f##*/}" ;;
		esac
	done
	rm -rf --one-file-system "$root"
	mkdir "$root"
	debstrap "$@" "$suite" "$root" "$lean"/* && rm -rf "$lean"
}

fetch_root() { # PACKAGES, more options of mmdebstrap
	packages=$1
	shift
	sources=
	# shellcheck disable=SC1091
	[ "$suite" != "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" ] ||
		sources=$(find /etc/apt -maxdepth 2 -name 'debian*.sources' -o -maxdepth 2 -name sources.list)
	# shellcheck disable=SC2086
	debstrap "$@" "$suite" "$root" $sources || lean_root "$@"
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
}

# What systemd-analyze may count: tenths. From systemd 257 on users of their own cost no names.
exposure=18
[ "$suite" != bookworm ] || exposure=20

# root_make DIRECTORY_WITH_DEB PACKAGES
root_make() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	command -v mmdebstrap >/dev/null || skip 'needs mmdebstrap'
	deb=$(ls "$1"/xnet-gateway_*.deb)
	root=$(mktemp -d /var/tmp/xnet-package.XXXXXX)
	trap end EXIT
	trap 'exit 1' INT TERM
	echo "a fresh Debian root ($suite)"
	fetch_root "$2"
	web=$(ls "$1"/xnet-web_*.deb)
	cp "$deb" "$web" "$root/root/"
	deb=/root/$(basename "$deb")
	web=/root/$(basename "$web")
}
