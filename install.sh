#!/bin/sh
# Installs ws1-token for one user, built from this source tree or from a release; `--help` lists the options.
# The last line calls `main`, so that a truncated download runs nothing.
set -eu

usage() {
    cat <<'END'
Usage: ./install.sh [--prefix DIR] [--keychain | --from FILE|DIR [--key FILE]]
       ./install.sh --try [--keep] [--keychain]
       ./install.sh --uninstall [--prefix DIR]

Installs ws1-token for the current user, with manual pages and shell completions. Without --from it is built from this
source tree, which needs cargo. It never needs root.

  --prefix DIR     install below DIR instead of ~/.local
  --from FILE|DIR  install the .tar.gz of a release, or the one in DIR for this machine, after its checksum in
                   SHA256SUMS beside it was verified
  --key FILE       with --from: the public key, of minisign or ssh, that has to have signed SHA256SUMS
  --keychain       build with support for this system's key store, for client secrets: the Keychain on macOS,
                   elsewhere a Secret Service such as gnome-keyring; also with --try
  --try            build, demonstrate the program against an emulated tenant on this machine, and leave nothing
                   behind but what cargo has compiled, in target/
  --keep           with --try: leave the emulated tenant running, with a profile for it in a home of its own
  --uninstall      remove the installed files from the prefix
  --help           print this help
END
}

# The installed files, relative to the prefix.
BINARY=bin/ws1-token
GIT_HELPER=bin/git-credential-ws1
BASH_COMPLETION=share/bash-completion/completions/ws1-token
ZSH_COMPLETION=share/zsh/site-functions/_ws1-token
FISH_COMPLETION=share/fish/vendor_completions.d/ws1-token.fish
SCHEMA=share/ws1-token/config.schema.json
# Directory of the manual pages ws1-token.1 and ws1-token-COMMAND.1.
MANUAL=share/man/man1
# Lists the directories that the installation created: `--uninstall` removes only those.
RECORD=share/ws1-token/created-directories

main() {
    action=install
    prefix=
    keychain=
    from=
    key=
    keep=
    while [ $# -gt 0 ]; do
        case $1 in
            --prefix)
                take_prefix "${2:-}"
                shift
                ;;
            --prefix=*) take_prefix "${1#--prefix=}" ;;
            --from)
                from=$(value --from "${2:-}")
                shift
                ;;
            --key)
                key=$(value --key "${2:-}")
                shift
                ;;
            --keychain) keychain=yes ;;
            --keep) keep=--keep ;;
            --try) choose try ;;
            --uninstall) choose uninstall ;;
            --help | -h)
                usage
                return
                ;;
            *) misuse "unknown argument: $1" ;;
        esac
        shift
    done
    check_options
    unset CDPATH
    source=$(cd -- "$(dirname -- "$0")" && pwd)
    scratch=
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
    if [ "$action" = try ]; then
        [ -z "$prefix" ] || misuse "--try and --prefix exclude each other"
        try
    else
        find_prefix
        "$action"
    fi
}

# Options that make no sense together.
check_options() {
    [ -z "$keychain" ] || [ "$action" != uninstall ] || misuse "--keychain and --uninstall exclude each other"
    [ -z "$keep" ] || [ "$action" = try ] || misuse "--keep needs --try"
    [ -z "$key" ] || [ -n "$from" ] || misuse "--key needs --from"
    [ -z "$from" ] || [ "$action" = install ] || misuse "--from and --$action exclude each other"
    [ -z "$from" ] || [ -z "$keychain" ] || misuse "--from and --keychain exclude each other: a release has no key store"
}

# Sets `prefix`. A value that looks like a flag means that the directory was forgotten.
take_prefix() {
    case $1 in
        '' | -*) misuse "--prefix needs a directory" ;;
    esac
    prefix=$1
}

# value OPTION VALUE: prints the value of an option that needs a file.
value() {
    case $2 in
        '' | -*) misuse "$1 needs a file or directory" ;;
    esac
    printf %s "$2"
}

# Sets `action`, once.
choose() {
    [ "$action" = install ] || [ "$action" = "$1" ] || misuse "--try and --uninstall exclude each other"
    action=$1
}

say() {
    printf '%s\n' "$*"
}

die() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

misuse() {
    printf 'install.sh: %s\n' "$*" >&2
    usage >&2
    exit 2
}

# The exit trap: removes temporary files and keeps the exit status.
clean_up() {
    status=$?
    trap '' HUP INT PIPE TERM
    [ -z "$scratch" ] || rm -rf "$scratch"
    [ -z "${draft:-}" ] || rm -f "$draft"
    exit "$status"
}

# Makes `prefix` absolute, ~/.local by default.
find_prefix() {
    if [ -z "$prefix" ]; then
        [ -n "${HOME:-}" ] || die "HOME is not set: give --prefix DIR"
        prefix=$HOME/.local
    fi
    case $prefix in
        /*) ;;
        *) prefix=$PWD/$prefix ;;
    esac
    while [ "$prefix" != "${prefix%/}" ]; do prefix=${prefix%/}; done
}

# --- building ------------------------------------------------------------------------------------

# Finds cargo and chooses the target: sets `target` and `target_dir`.
prepare_build() {
    needed=$(sed -n 's/^rust-version = "1\.\([0-9]*\)".*/\1/p' "$source/Cargo.toml")
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        die "building needs Rust 1.$needed or later, and cargo and rustc are not on PATH.
To install it: $(rust_advice)
Or install a release: ./install.sh --from FILE"
    fi
    host=$(cd "$source" && rustc -vV | sed -n 's/^host: //p')
    minor=$(cd "$source" && rustc -vV | sed -n 's/^release: 1\.\([0-9]*\).*/\1/p')
    [ -n "$host" ] || die "rustc -vV names no host; to install Rust: $(rust_advice)"
    [ "${minor:-0}" -ge "$needed" ] || die "building needs Rust 1.$needed or later, and this is 1.${minor:-?}.
To update it: rustup update; where there is no rustup: $(rust_advice)"
    target_dir=${CARGO_TARGET_DIR:-$source/target}
    case $target_dir in
        /*) ;;
        *) target_dir=$PWD/$target_dir ;;
    esac
    target=$host
    case $host in
        x86_64-unknown-linux-gnu | aarch64-unknown-linux-gnu) prefer_static "${host%-gnu}-musl" ;;
    esac
}

# The command that installs Rust on this system.
rust_advice() {
    if command -v apt-cache >/dev/null && apt-cache show rustup >/dev/null 2>&1; then
        say "apt install rustup && rustup default stable"
    elif command -v dnf >/dev/null; then
        say "dnf install rustup && rustup-init"
    elif command -v pacman >/dev/null; then
        say "pacman -S rustup && rustup default stable"
    elif command -v apk >/dev/null; then
        say "apk add rustup && rustup-init"
    elif command -v brew >/dev/null; then
        say "brew install rustup && rustup default stable"
    else
        say "curl --proto '=https' -sSf https://sh.rustup.rs | sh"
    fi
}

# Chooses the static target if its tools are installed: a static binary starts faster and runs on any distribution.
prefer_static() {
    missing=
    command -v musl-gcc >/dev/null || missing="musl-gcc (package musl-tools)"
    if [ -z "$missing" ] && ! has_target "$1"; then
        rustup target add "$1" >/dev/null 2>&1 || true
    fi
    has_target "$1" || missing="${missing:+$missing and }the Rust target (rustup target add $1)"
    if [ -z "$missing" ]; then
        target=$1
    else
        say "The binary will be linked to this machine's C library; for a static, faster one install $missing."
    fi
}

# Whether the standard library for a target is installed.
has_target() {
    libraries=$(cd "$source" && rustc --print target-libdir --target "$1" 2>/dev/null) && [ -d "$libraries" ]
}

# Builds ws1-token, with `--keychain` for the key store.
build_program() {
    if [ -n "$keychain" ]; then
        build ws1-token "$target, with key store support" --features keychain
    else
        build ws1-token "$target"
    fi
}

# build PACKAGE TITLE OPTIONS...: builds the binary of a package in `$target_dir/$target/release`.
build() {
    package=$1
    say "Building $package for $2: the first time about two minutes on two cores, then seconds"
    shift 2
    (
        cd "$source"
        if [ "$target" != "$host" ]; then
            # ring contains C code, which needs the same C library.
            export "CC_$(printf %s "$target" | tr - _)=musl-gcc"
        fi
        cargo build --release --locked --package "$package" --target "$target" --target-dir "$target_dir" "$@"
    ) || die "the build failed"
}

# --- installing ----------------------------------------------------------------------------------

install() {
    if [ -n "$from" ]; then
        unpack
    else
        prepare_build
        build_program
        use_build
    fi
    put_in_place
    describe
}

# The files to install are those of this source tree and of its build.
use_build() {
    program=$target_dir/$target/release/ws1-token
    pages=$source/man
    schema=$source/src/config/config.schema.json
}

# The files to install are those of a release's archive, which is verified before anything else is done with it.
unpack() {
    [ -e "$from" ] || die "$from does not exist"
    archive=$from
    [ ! -d "$from" ] || archive=$(archive_for_this_machine)
    sums=$(dirname -- "$archive")/SHA256SUMS
    [ -f "$sums" ] || die "there is no SHA256SUMS beside $archive: download both from the release"
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/ws1-token-install.XXXXXX")
    # Copies, so that what is verified is what is installed.
    cp -- "$sums" "$scratch/SHA256SUMS"
    cp -- "$archive" "$scratch/archive"
    verify_signature
    verify_checksum
    check_members
    mkdir "$scratch/release"
    tar -xzf "$scratch/archive" -C "$scratch/release" || die "$archive is not a gzipped tar archive"
    release=$(echo "$scratch/release"/ws1-token-*)
    "$release/ws1-token" -V >/dev/null 2>&1 || die "the program in $archive does not run on this machine ($(uname -sm))"
    program=$release/ws1-token
    pages=$release/man
    schema=$release/config.schema.json
}

# The archive in the directory `from` for this machine.
archive_for_this_machine() {
    case $(uname -sm) in
        'Linux x86_64') machine=x86_64-unknown-linux-musl ;;
        'Linux aarch64') machine=aarch64-unknown-linux-musl ;;
        *) die "a release has no program for this machine ($(uname -sm)): build it, without --from" ;;
    esac
    set -- "$from"/ws1-token-*-"$machine".tar.gz
    [ -f "$1" ] || die "$from holds no ws1-token-VERSION-$machine.tar.gz"
    [ $# -eq 1 ] || die "$from holds several versions: name one of them, with --from FILE"
    printf %s "$1"
}

# Fails unless the key has signed the checksums.
verify_signature() {
    if [ -z "$key" ]; then
        say "No --key is given: the checksum shows that the download is whole, not who made it."
        return
    fi
    [ -f "$key" ] || die "$key does not exist"
    if grep -q '^untrusted comment:' "$key"; then
        signature=$sums.minisig
        command -v minisign >/dev/null || die "minisign is not on PATH, and $key is a key of minisign"
        [ -f "$signature" ] || die "there is no $signature"
        minisign -V -q -p "$key" -m "$scratch/SHA256SUMS" -x "$signature" >/dev/null 2>&1 || not_signed
    else
        signature=$sums.sig
        command -v ssh-keygen >/dev/null || die "ssh-keygen is not on PATH, and $key is a key of ssh"
        [ -f "$signature" ] || die "there is no $signature"
        sed 's/^[^#]/signer &/' "$key" >"$scratch/signers"
        ssh-keygen -Y verify -q -f "$scratch/signers" -I signer -n ws1-token -s "$signature" \
            <"$scratch/SHA256SUMS" >/dev/null 2>&1 || not_signed
    fi
    say "Verified: $key has signed $sums"
}

not_signed() {
    die "$sums is not signed by $key: do not use this release, and download it again"
}

# Fails unless the archive has the checksum that is listed for its name.
verify_checksum() {
    name=$(basename -- "$archive")
    listed=$(awk -v name="$name" '$2 == name { print $1 }' "$scratch/SHA256SUMS")
    [ -n "$listed" ] || die "$sums does not list $name"
    if command -v sha256sum >/dev/null; then
        sum=$(sha256sum <"$scratch/archive")
    else
        sum=$(shasum -a 256 <"$scratch/archive")
    fi
    [ "${sum%% *}" = "$listed" ] || die "$archive is damaged or was changed: its checksum is not the one in $sums"
    say "Verified: the checksum of $name"
}

# Fails unless the archive holds plain files below one directory, and of links git's helper alone.
check_members() {
    tar -tzf "$scratch/archive" >"$scratch/members" 2>/dev/null || die "$archive is not a gzipped tar archive"
    tar -tvzf "$scratch/archive" >"$scratch/details"
    if grep -qv '^ws1-token-[^/]*/[^/]' "$scratch/members" || grep -q '\(^\|/\)\.\.\(/\|$\)' "$scratch/members" ||
        grep '^[^-]' "$scratch/details" | grep -qv '/git-credential-ws1 -> ws1-token$'; then
        die "$archive holds a file that a release does not have"
    fi
}

# Installs all files below the prefix, replacing those of an earlier installation.
put_in_place() {
    make_directories
    place "$BINARY" 755 cat "$program"
    ln -sf ws1-token "$prefix/$GIT_HELPER"
    say "Installed $prefix/$BINARY, and git-credential-ws1 beside it"
    place "$BASH_COMPLETION" 644 "$prefix/$BINARY" completions bash
    place "$ZSH_COMPLETION" 644 "$prefix/$BINARY" completions zsh
    place "$FISH_COMPLETION" 644 "$prefix/$BINARY" completions fish
    say "Installed completions for bash, zsh and fish in $prefix/share"
    place_manual
    if [ -f "$schema" ]; then
        place "$SCHEMA" 644 cat "$schema"
        say "Installed $prefix/$SCHEMA, for editors"
    fi
}

# Installs the manual pages, and removes pages of an older version that this one does not have.
place_manual() {
    count=0
    for page in "$pages/ws1-token.1" "$pages"/ws1-token-*.1; do
        # A pattern without a match stays as it is.
        [ -f "$page" ] || continue
        place "$MANUAL/${page##*/}" 644 cat "$page"
        count=$((count + 1))
    done
    for page in "$prefix/$MANUAL"/ws1-token-*.1; do
        [ ! -f "$page" ] || [ -f "$pages/${page##*/}" ] || rm -f "$page"
    done
    [ "$count" -eq 0 ] || say "Installed $count manual pages in $prefix/$MANUAL: man ws1-token"
}

# Creates the directories, and adds the new ones to the record.
make_directories() {
    created=
    for file in "$RECORD" "$BINARY" "$BASH_COMPLETION" "$ZSH_COMPLETION" "$FISH_COMPLETION" "$MANUAL/ws1-token.1"; do
        make_directory "$(dirname "$prefix/$file")"
    done
    [ ! -f "$prefix/$RECORD" ] || created=$created$(cat "$prefix/$RECORD")
    place "$RECORD" 644 say "$created"
}

# Creates a directory and its parents, and prepends them to `created`: children first.
make_directory() {
    [ ! -d "$1" ] || return 0
    make_directory "$(dirname "$1")"
    mkdir "$1" || die "cannot create $1"
    created="$1
$created"
}

# place FILE MODE COMMAND...: writes a command's output to a file below the prefix, replacing it atomically.
place() {
    file=$prefix/$1
    draft=$(dirname "$file")/.ws1-token.$$
    mode=$2
    shift 2
    "$@" >"$draft" || die "cannot write $file"
    chmod "$mode" "$draft"
    mv -f "$draft" "$file"
    draft=
}

# Prints the version, and how to put the program on PATH.
describe() {
    say "ws1-token $("$prefix/$BINARY" -V | sed 's/.* //')${keychain:+ with key store support} is installed."
    case :$PATH: in
        *":$prefix/bin:"*) ;;
        *) advise_path ;;
    esac
    say "next: ws1-token login"
}

# Prints the line that adds the program to PATH in the user's shell.
advise_path() {
    directory=$(quoted "$prefix/bin")
    case ${SHELL:-} in
        */fish) say "It is not on PATH yet. Run once: fish_add_path $directory" ;;
        */zsh) say "It is not on PATH yet. Add this line to ~/.zshrc: export PATH=$directory:\"\$PATH\"" ;;
        */bash) say "It is not on PATH yet. Add this line to ~/.bashrc: export PATH=$directory:\"\$PATH\"" ;;
        *) say "It is not on PATH yet. Add this line to ~/.profile: export PATH=$directory:\"\$PATH\"" ;;
    esac
}

# Quotes a text as one shell word.
quoted() {
    printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}

# --- uninstalling --------------------------------------------------------------------------------

uninstall() {
    removed=0
    callers=$(git_callers && kubectl_callers)
    for file in "$BINARY" "$GIT_HELPER" "$BASH_COMPLETION" "$ZSH_COMPLETION" "$FISH_COMPLETION" "$SCHEMA"; do
        remove "$prefix/$file"
    done
    for page in "$prefix/$MANUAL/ws1-token.1" "$prefix/$MANUAL"/ws1-token-*.1; do
        remove "$page"
    done
    remove_directories
    [ "$removed" -gt 0 ] || say "ws1-token is not installed in $prefix."
    if [ -n "$callers" ]; then
        say "These still name it; to take that back:"
        say "$callers"
    fi
    report_user_data
}

# Prints a command for each credential helper of git's that is ws1-token. A helper of another name stays.
git_callers() {
    command -v git >/dev/null || return 0
    git config --global --name-only --get-regexp '^credential\..*helper$' 'ws1' 2>/dev/null | sort -u |
        while IFS= read -r name; do
            say "  git config --global --unset-all $(quoted "$name") ws1"
        done
}

# Prints a command for each user of the kubeconfig that runs ws1-token.
kubectl_callers() {
    command -v kubectl >/dev/null || return 0
    kubectl config view --output \
        'jsonpath={range .users[*]}{.user.exec.command}{" "}{.user.exec.args}{"\t"}{.name}{"\n"}{end}' 2>/dev/null |
        awk -F "\t" '$1 ~ /ws1-token/ { print $2 }' | while IFS= read -r name; do
            say "  kubectl config unset $(quoted "users.$name")"
        done
}

# Removes a file if it is there, and counts it.
remove() {
    if [ -e "$1" ] || [ -L "$1" ]; then
        rm -f "$1"
        say "Removed $1"
        removed=$((removed + 1))
    fi
}

# Removes the recorded directories that are empty.
remove_directories() {
    [ -f "$prefix/$RECORD" ] || return 0
    directories=$(cat "$prefix/$RECORD")
    rm -f "$prefix/$RECORD"
    printf '%s\n' "$directories" | while IFS= read -r directory; do
        [ -z "$directory" ] || rmdir "$directory" 2>/dev/null || true
    done
}

# Prints where the user's data is, which stays.
report_user_data() {
    home=${HOME:-\~}
    case $(uname -s) in
        Darwin)
            config="$home/Library/Application Support"
            cache=$home/Library/Caches
            ;;
        *)
            config=${XDG_CONFIG_HOME:-$home/.config}
            cache=${XDG_CACHE_HOME:-$home/.cache}
            ;;
    esac
    say "Kept: profiles in $config/ws1-token, cached tokens in $cache/ws1-token, and secrets in the key store."
}

# --- demonstrating -------------------------------------------------------------------------------

try() {
    prepare_build
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/ws1-token-try.XXXXXX")
    scratch=$(cd "$scratch" && pwd)
    prefix=$scratch/prefix
    build_program
    build ws1-emulator "$target"
    use_build
    put_in_place >/dev/null
    emulator=$target_dir/$target/release/ws1-emulator
    "$source/emulator/try.sh" ${keep:+"$keep"} "$prefix/bin" "$emulator"
    say "What cargo has compiled stays in $target_dir."
    if [ -n "$keep" ]; then
        # `stop` removes it, with the tenant.
        scratch=
    else
        say "next: ./install.sh, or ./install.sh --try --keep to go on with the emulated tenant"
    fi
}

main "$@"
