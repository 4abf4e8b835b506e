# Builds what changed and prints nothing when nothing did. Sourced; defines functions only, which report failure by their status
# and do not rely on `set -e`.

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1

build_configuration=Release

# built_file PROJECT ASSEMBLY: where the build leaves it.
built_file() {
    echo "$root/$1/bin/$build_configuration/net10.0/$2"
}

# A line that changes when a source file under the given folders is added, removed or edited.
# Costs milliseconds where asking MSBuild costs seconds.
fingerprint() {
    (
        cd "$root" && {
            find "$@" \( -name bin -o -name obj -o -name node_modules \) -prune -o -type f -printf '%p %s %T@\n'
            find . -maxdepth 1 -type f \( -name '*.props' -o -name global.json -o -name .editorconfig \) -printf '%p %s %T@\n'
        } | LC_ALL=C sort | sha1sum
    )
}

# build_if_changed NAME TARGET OUTPUT FOLDER...: builds TARGET unless OUTPUT exists and the folders are as they were at the last success.
# The fingerprint is taken first, so an edit during the build counts as a change.
build_if_changed() {
    local name=$1 target=$2 output=$3
    shift 3
    local stamp=$root/artifacts/build/$name now
    now=$(fingerprint "$@") || return 1
    if [[ -f $output && -f $stamp && $(<"$stamp") == "$now" ]]; then
        return 0
    fi
    mkdir -p "$root/artifacts/build"
    (
        flock 9
        # Whoever held the lock may have built the same.
        if [[ ! -f $output || ! -f $stamp || $(<"$stamp") != "$now" ]]; then
            build "$target" || exit 1
            echo "$now" >"$stamp"
        fi
    ) 9>"$root/artifacts/build/lock"
}

pbm_folders=(src/Broker.{Protocol,Transport,Transport.Auto,Transport.MsQuic,Transport.Ngtcp2,Client,Pbm})

build_pbm() {
    build_if_changed pbm src/Broker.Pbm "$(built_file src/Broker.Pbm pbm.dll)" "${pbm_folders[@]}"
}

# The node and pbm in one build, which leaves nothing to do for build_pbm.
build_product() {
    local pbm_now
    pbm_now=$(fingerprint "${pbm_folders[@]}")
    build_if_changed product Broker.Product.slnf "$(built_file src/Broker.Node Broker.Node.dll)" src || return 1
    echo "$pbm_now" >"$root/artifacts/build/pbm"
}

build() {
    echo "Building $1 ..." >&2
    # `dotnet msbuild` is `dotnet build` without its summary: quiet means that only warnings and errors are printed.
    (cd "$root" && dotnet msbuild "$1" -restore -property:Configuration="$build_configuration" \
        -maxCpuCount -nodeReuse:false -nologo -verbosity:quiet -tl:off >&2)
}
