# What a machine needs besides the .NET SDK. Sourced; each function returns at once when there is nothing to do.

. "$root/scripts/apt.sh"

require_dotnet() {
    if ! command -v dotnet >/dev/null; then
        echo "The .NET SDK 10 is needed and 'dotnet' is not in PATH." >&2
        return 1
    fi
}

# One QUIC library is enough: libmsquic, or ngtcp2 with its GnuTLS binding.
setup_quic() {
    if has_library libngtcp2_crypto_gnutls.so.8 && has_library libngtcp2.so.16; then
        return 0
    fi
    if has_library libmsquic.so.2 || has_library libmsquic.so; then
        return 0
    fi
    apt_install libngtcp2-16 libngtcp2-crypto-gnutls8
}

# For the tests with foreign clients.
setup_node_js() {
    if command -v node >/dev/null && command -v npm >/dev/null; then
        return 0
    fi
    apt_install nodejs npm
}

# For a cluster on this machine, and for tests, which start etcds of their own.
setup_etcd() {
    if command -v etcd >/dev/null; then
        return 0
    fi
    apt_install_stopped etcd-server etcd
}
