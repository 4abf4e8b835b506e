# Installs Debian packages when they are missing. Sourced; defines functions only.

# True if a shared library with this exact name is known to the dynamic linker.
has_library() {
    # Not `| grep -q`: it stops reading, and with pipefail the broken pipe would look like a missing library.
    [[ $(/sbin/ldconfig -p 2>/dev/null) == *"$1 "* ]]
}

# Runs a command as root: directly, or through sudo.
as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "This needs root and there is no sudo; run as root: $*" >&2
        return 1
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq \
        -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" >&2
}

# The lock of the package lists knows no timeout of its own, so two set-ups at once are retried here.
apt_update() {
    local attempt
    for attempt in 1 2 3 4 5 6; do
        if apt_get update; then
            return 0
        fi
        [[ $attempt -eq 6 ]] || sleep 10
    done
    echo "apt-get update failed; see its messages above." >&2
    return 1
}

apt_has_candidate() {
    [[ -n $(apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: \([^(].*\)/\1/p') ]]
}

# apt_install PACKAGE...: from the configured suites or, on Debian 12, from bookworm-backports, which is enabled if needed.
apt_install() {
    if ! command -v apt-get >/dev/null; then
        echo "Not a Debian system: install what Debian calls '$*' and start again." >&2
        return 1
    fi
    echo "Installing $* ..." >&2
    apt_update || return 1
    if ! apt_has_candidate "$1" && enable_backports && ! apt_update; then
        # A mirror without that suite must not leave apt broken.
        as_root rm -f /etc/apt/sources.list.d/broker-backports.{sources,list}
        return 1
    fi
    if ! apt_has_candidate "$1"; then
        echo "No package source of this machine offers $1 (Debian 13 has it, Debian 12 in bookworm-backports)." >&2
        return 1
    fi
    apt_get install -y --no-install-recommends "$@"
}

# apt_install_stopped PACKAGE SERVICE...: installs a package without the services that come with it being started, now or with the machine.
# Debian asks /usr/sbin/policy-rc.d before it starts a service; 101 means no. A policy that the machine has already is left as it is.
apt_install_stopped() {
    local policy=/usr/sbin/policy-rc.d ours='' status=0
    if [[ ! -e $policy ]]; then
        ours=yes
        as_root tee "$policy" >/dev/null <<<$'#!/bin/sh\nexit 101' && as_root chmod 755 "$policy" || status=$?
    fi
    [[ $status -ne 0 ]] || apt_install "$1" || status=$?
    [[ -z $ours ]] || as_root rm -f "$policy"
    if [[ $status -eq 0 && -d /run/systemd/system ]]; then
        as_root systemctl disable --quiet --now "${@:2}" >&2 || true
    fi
    return "$status"
}

# Adds <codename>-backports by copying the machine's own entry for <codename>-updates or <codename>, whatever mirror
# that names, with the other suite. Fails if there is nothing to copy.
enable_backports() {
    local codename entry file=/etc/apt/sources.list.d/broker-backports
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [[ -n $codename ]] || return 1
    entry=$(deb822_backports "$codename" "${APT_SOURCES_DIR:-/etc/apt/sources.list.d}")
    if [[ -n $entry ]]; then
        file+=.sources
    else
        entry=$(one_line_backports "$codename" "${APT_SOURCES_LIST:-/etc/apt/sources.list}" "${APT_SOURCES_DIR:-/etc/apt/sources.list.d}")
        file+=.list
    fi
    [[ -n $entry ]] || return 1
    echo "Enabling $codename-backports in $file ..." >&2
    as_root tee "$file" <<<"$entry" >/dev/null
}

# The first stanza that offers packages of the suite, its Suites field replaced.
deb822_backports() {
    cat "$2"/*.sources 2>/dev/null | awk -v suite="$1" '
        BEGIN { RS = ""; FS = "\n" }
        done || /(^|\n)Enabled: *no/ { next }
        {
            offers = 0; stanza = ""
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^Types:/ && $i !~ /(^| )deb( |$)/) { next }
                if ($i ~ /^Suites:/) {
                    offers = $i ~ ("[: ]" suite "(-updates)?( |$)")
                    $i = "Suites: " suite "-backports"
                }
                if ($i !~ /^#/) { stanza = stanza $i "\n" }
            }
            if (offers) { printf "%s", stanza; done = 1 }
        }'
}

# The first `deb` line that offers packages of the suite, its suite replaced.
one_line_backports() {
    cat "$2" "$3"/*.list 2>/dev/null | awk -v suite="$1" '
        !done && $1 == "deb" {
            for (i = 2; i < NF && !done; i++) {
                if ($i == suite || $i == suite "-updates") { $i = suite "-backports"; print; done = 1 }
            }
        }'
}
