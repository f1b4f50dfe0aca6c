#!/bin/sh
# Builds ws1-token from this source tree and installs it for one user; `--help` lists the options.
# The last line calls `main`, so that a truncated download runs nothing.
set -eu

usage() {
    cat <<'END'
Usage: ./install.sh [--prefix DIR] [--keychain] [--try] [--uninstall] [--help]

Builds ws1-token and installs it for the current user, with manual pages and shell completions. Needs cargo, not root.

  --prefix DIR   install below DIR instead of ~/.local
  --keychain     build with support for this system's key store, for client secrets: the Keychain on macOS,
                 elsewhere a Secret Service such as gnome-keyring; also with --try
  --try          install into a temporary directory, demonstrate the program against an emulated tenant on
                 this machine, and remove everything again
  --uninstall    remove the installed files from the prefix
  --help         print this help
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
    while [ $# -gt 0 ]; do
        case $1 in
            --prefix)
                take_prefix "${2:-}"
                shift
                ;;
            --prefix=*) take_prefix "${1#--prefix=}" ;;
            --keychain) keychain=yes ;;
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
    [ -z "$keychain" ] || [ "$action" != uninstall ] || misuse "--keychain and --uninstall exclude each other"
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

# Sets `prefix`. A value that looks like a flag means that the directory was forgotten.
take_prefix() {
    case $1 in
        '' | -*) misuse "--prefix needs a directory" ;;
    esac
    prefix=$1
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
    command -v cargo >/dev/null || die "cargo is not on PATH.
Get it from https://rustup.rs, or from your distribution (Debian, Ubuntu: apt install rustup)."
    command -v rustc >/dev/null || die "rustc is not on PATH: install it together with cargo, from https://rustup.rs"
    host=$(cd "$source" && rustc -vV | sed -n 's/^host: //p')
    [ -n "$host" ] || die "rustc -vV names no host"
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
    say "Building $package for $2"
    shift 2
    (
        cd "$source"
        if [ "$target" != "$host" ]; then
            # ring contains C code, which needs the same C library.
            export "CC_$(printf %s "$target" | tr - _)=musl-gcc"
        fi
        cargo build --quiet --release --locked --package "$package" --target "$target" --target-dir "$target_dir" "$@"
    ) || die "the build failed"
}

# --- installing ----------------------------------------------------------------------------------

install() {
    prepare_build
    build_program
    put_in_place
    describe
}

# Installs all files below the prefix, replacing those of an earlier installation.
put_in_place() {
    make_directories
    place "$BINARY" 755 cat "$target_dir/$target/release/ws1-token"
    ln -sf ws1-token "$prefix/$GIT_HELPER"
    say "Installed $prefix/$BINARY, and git-credential-ws1 beside it"
    place "$BASH_COMPLETION" 644 "$prefix/$BINARY" completions bash
    place "$ZSH_COMPLETION" 644 "$prefix/$BINARY" completions zsh
    place "$FISH_COMPLETION" 644 "$prefix/$BINARY" completions fish
    say "Installed completions for bash, zsh and fish in $prefix/share"
    place_manual
    if [ -f "$source/src/config/config.schema.json" ]; then
        place "$SCHEMA" 644 cat "$source/src/config/config.schema.json"
        say "Installed $prefix/$SCHEMA, for editors"
    fi
}

# Installs the manual pages, and removes pages of an older version that this one does not have.
place_manual() {
    pages=0
    for page in "$source/man/ws1-token.1" "$source/man"/ws1-token-*.1; do
        # A pattern without a match stays as it is.
        [ -f "$page" ] || continue
        place "$MANUAL/${page##*/}" 644 cat "$page"
        pages=$((pages + 1))
    done
    for page in "$prefix/$MANUAL"/ws1-token-*.1; do
        [ ! -f "$page" ] || [ -f "$source/man/${page##*/}" ] || rm -f "$page"
    done
    [ "$pages" -eq 0 ] || say "Installed $pages manual pages in $prefix/$MANUAL: man ws1-token"
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
    for file in "$BINARY" "$GIT_HELPER" "$BASH_COMPLETION" "$ZSH_COMPLETION" "$FISH_COMPLETION" "$SCHEMA"; do
        remove "$prefix/$file"
    done
    for page in "$prefix/$MANUAL/ws1-token.1" "$prefix/$MANUAL"/ws1-token-*.1; do
        remove "$page"
    done
    remove_directories
    [ "$removed" -gt 0 ] || say "ws1-token is not installed in $prefix."
    report_user_data
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
    say "Installing into a temporary directory"
    put_in_place >/dev/null
    "$source/emulator/try.sh" "$prefix/bin" "$target_dir/$target/release/ws1-emulator"
}

main "$@"
