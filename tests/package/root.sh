# A fresh Debian root with the built package laid into it, for the tests beside this file. Sourced; the
# caller says what it is (test=), where the package is ($1), and reads $root and $deb.
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

verdict() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}

# root_make PACKAGES: apt's own sources are used. The lists stay, so that what the package depends on
# can be fetched.
root_make() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	command -v mmdebstrap >/dev/null || skip 'needs mmdebstrap'
	deb=$(ls "$1"/xnet-gateway_*.deb)
	root=$(mktemp -d /var/tmp/xnet-package.XXXXXX)
	trap end EXIT
	trap 'exit 1' INT TERM
	echo 'a fresh Debian root'
	# shellcheck disable=SC2046
	mmdebstrap --quiet --variant=minbase --skip=cleanup/apt/lists --include="$2" bookworm "$root" \
		$(find /etc/apt/sources.list /etc/apt/sources.list.d -type f \
			\( -name '*.list' -o -name '*.sources' \) 2>/dev/null)
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
	cp "$deb" "$root/root/"
	deb=/root/$(basename "$deb")
}
