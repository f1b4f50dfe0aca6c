#!/bin/sh
# Builds ws1-token from this source tree and installs it for one user; `--help` tells the rest.
# Everything is in functions that the last line calls, so that half a file does nothing.
set -eu

usage() {
    cat <<'END'
Usage: ./install.sh [--prefix DIR] [--keychain] [--try] [--uninstall] [--help]

Builds ws1-token and installs it, with manual pages and shell completions, for the user who runs this. Needs cargo,
not root.

  --prefix DIR   install below DIR instead of ~/.local
  --keychain     build it so that it can keep client secrets in this system's key store: the Keychain on
                 macOS, elsewhere a Secret Service such as gnome-keyring; also with --try
  --try          install into a temporary place, show the program at work against an emulated tenant
                 on this machine, and remove everything again
  --uninstall    remove what an installation put below the prefix
  --help         print this
END
}

# What an installation consists of, below the prefix. Each is one file.
BINARY=bin/ws1-token
GIT_HELPER=bin/git-credential-ws1
BASH_COMPLETION=share/bash-completion/completions/ws1-token
ZSH_COMPLETION=share/zsh/site-functions/_ws1-token
FISH_COMPLETION=share/fish/vendor_completions.d/ws1-token.fish
SCHEMA=share/ws1-token/config.schema.json
# And the manual pages ws1-token.1 and ws1-token-COMMAND.1, as many as there are.
MANUAL=share/man/man1
# Lists the directories that did not exist before, so that `--uninstall` removes those and no others.
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
    [ -z "$keychain" ] || [ "$action" != uninstall ] || misuse "--keychain is about building: leave it out"
    unset CDPATH
    source=$(cd -- "$(dirname -- "$0")" && pwd)
    scratch=
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
    if [ "$action" = try ]; then
        [ -z "$prefix" ] || misuse "--try has a prefix of its own: leave out --prefix"
        try
    else
        find_prefix
        "$action"
    fi
}

# Notes where to; a flag in the place of the directory is a slip.
take_prefix() {
    case $1 in
        '' | -*) misuse "--prefix needs a directory" ;;
    esac
    prefix=$1
}

# Notes what to do; two things at once are a mistake.
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

# Runs at every end of the script.
clean_up() {
    status=$?
    trap '' HUP INT PIPE TERM
    [ -z "$scratch" ] || rm -rf "$scratch"
    [ -z "${draft:-}" ] || rm -f "$draft"
    exit "$status"
}

# Makes `prefix` absolute.
find_prefix() {
    if [ -z "$prefix" ]; then
        [ -n "${HOME:-}" ] || die "HOME is not set: say where to with --prefix DIR"
        prefix=$HOME/.local
    fi
    case $prefix in
        /*) ;;
        *) prefix=$PWD/$prefix ;;
    esac
    while [ "$prefix" != "${prefix%/}" ]; do prefix=${prefix%/}; done
}

# --- building ------------------------------------------------------------------------------------

# Finds cargo and decides what to build for: sets `target` and `target_dir`.
prepare_build() {
    command -v cargo >/dev/null || die "cargo, which builds it, is not on PATH.
Get it from https://rustup.rs, or from your distribution (Debian, Ubuntu: apt install rustup)."
    command -v rustc >/dev/null || die "cargo is there, but rustc is not on PATH: install both, from https://rustup.rs for example."
    host=$(cd "$source" && rustc -vV | sed -n 's/^host: //p')
    [ -n "$host" ] || die "rustc does not say what it builds for (rustc -vV)"
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

# Takes the static target if it can be had: such a binary starts faster and runs on any distribution.
prefer_static() {
    lacking=
    command -v musl-gcc >/dev/null || lacking="musl-gcc (package musl-tools)"
    if [ -z "$lacking" ] && ! has_target "$1"; then
        rustup target add "$1" >/dev/null 2>&1 || true
    fi
    has_target "$1" || lacking="${lacking:+$lacking and }the Rust target (rustup target add $1)"
    if [ -z "$lacking" ]; then
        target=$1
    else
        say "The binary will need this machine's C library; for a static, faster one install $lacking."
    fi
}

# Whether the standard library for a target is there.
has_target() {
    libraries=$(cd "$source" && rustc --print target-libdir --target "$1" 2>/dev/null) && [ -d "$libraries" ]
}

# Builds the program, with the key store's library if it was asked for.
build_program() {
    if [ -n "$keychain" ]; then
        build ws1-token "$target, with key store support" --features keychain
    else
        build ws1-token "$target"
    fi
}

# build PACKAGE TITLE OPTIONS...: builds one package; the binary is in `$target_dir/$target/release` then.
build() {
    package=$1
    say "Building $package for $2"
    shift 2
    (
        cd "$source"
        if [ "$target" != "$host" ]; then
            # ring has C in it, which must be compiled for the same C library.
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

# Puts everything below the prefix. Doing so again replaces it.
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

# Puts the manual pages in place, and removes those that an older version had and this one has not.
place_manual() {
    pages=0
    for page in "$source/man/ws1-token.1" "$source/man"/ws1-token-*.1; do
        # Without any, a pattern stands for itself.
        [ -f "$page" ] || continue
        place "$MANUAL/${page##*/}" 644 cat "$page"
        pages=$((pages + 1))
    done
    for page in "$prefix/$MANUAL"/ws1-token-*.1; do
        [ ! -f "$page" ] || [ -f "$source/man/${page##*/}" ] || rm -f "$page"
    done
    [ "$pages" -eq 0 ] || say "Installed $pages manual pages in $prefix/$MANUAL: man ws1-token"
}

# Makes the directories, and adds those it had to make to the record.
make_directories() {
    created=
    for file in "$RECORD" "$BINARY" "$BASH_COMPLETION" "$ZSH_COMPLETION" "$FISH_COMPLETION" "$MANUAL/ws1-token.1"; do
        make_directory "$(dirname "$prefix/$file")"
    done
    [ ! -f "$prefix/$RECORD" ] || created=$created$(cat "$prefix/$RECORD")
    place "$RECORD" 644 say "$created"
}

# Makes a directory and its parents, and puts them in front of `created`.
make_directory() {
    [ ! -d "$1" ] || return 0
    make_directory "$(dirname "$1")"
    mkdir "$1" || die "cannot make $1"
    created="$1
$created"
}

# place FILE MODE COMMAND...: makes a file below the prefix of a command's output. Whoever runs or reads it meanwhile
# sees the old one or the new one, never half of it.
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

# Says what to do next.
describe() {
    say "ws1-token $("$prefix/$BINARY" -V | sed 's/.* //')${keychain:+ with key store support} is installed."
    case :$PATH: in
        *":$prefix/bin:"*) ;;
        *) advise_path ;;
    esac
}

# Tells the line that makes the user's shell find the program.
advise_path() {
    directory=$(quoted "$prefix/bin")
    case ${SHELL:-} in
        */fish) say "It is not on PATH yet. Run once: fish_add_path $directory" ;;
        */zsh) say "It is not on PATH yet. Add this line to ~/.zshrc: export PATH=$directory:\"\$PATH\"" ;;
        */bash) say "It is not on PATH yet. Add this line to ~/.bashrc: export PATH=$directory:\"\$PATH\"" ;;
        *) say "It is not on PATH yet. Add this line to ~/.profile: export PATH=$directory:\"\$PATH\"" ;;
    esac
}

# A text as one word for a shell.
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
    [ "$removed" -gt 0 ] || say "Nothing of ws1-token is installed in $prefix."
    tell_what_stays
}

# Removes a file if it is there, and counts it.
remove() {
    if [ -e "$1" ] || [ -L "$1" ]; then
        rm -f "$1"
        say "Removed $1"
        removed=$((removed + 1))
    fi
}

# Removes the directories of the record, unless something else is in them by now.
remove_directories() {
    [ -f "$prefix/$RECORD" ] || return 0
    directories=$(cat "$prefix/$RECORD")
    rm -f "$prefix/$RECORD"
    printf '%s\n' "$directories" | while IFS= read -r directory; do
        [ -z "$directory" ] || rmdir "$directory" 2>/dev/null || true
    done
}

# Says where the user's own data is.
tell_what_stays() {
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
    say "Left alone: profiles in $config/ws1-token, cached tokens in $cache/ws1-token, and secrets in the key store."
}

# --- trying --------------------------------------------------------------------------------------

try() {
    prepare_build
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/ws1-token-try.XXXXXX")
    scratch=$(cd "$scratch" && pwd)
    prefix=$scratch/prefix
    build_program
    build ws1-emulator "$target"
    say "Installing into a temporary place"
    put_in_place >/dev/null
    "$source/emulator/try.sh" "$prefix/bin" "$target_dir/$target/release/ws1-emulator"
}

main "$@"
