"""Files for other people's installers, made from the checksums: Homebrew, Scoop, WinGet and cargo-binstall.

They name the address of the release, which has to be given. None of these installers could be run where they were
written: their files are checked for their syntax only.
"""

import json

from packages import DESCRIPTION

LICENCE = "Apache-2.0 OR MIT"


def manifests(version, url, sums):
    """The files by name. `sums` are checksums by file name, `url` the address of the directory that holds the files."""
    made = {}
    linux = {arch: f"ws1-token-{version}-{arch}-unknown-linux-musl.tar.gz" for arch in ("x86_64", "aarch64")}
    windows = f"ws1-token-{version}-x86_64-pc-windows-gnu.zip"
    if all(name in sums for name in linux.values()):
        made["homebrew/ws1-token.rb"] = homebrew(version, url, linux, sums)
    if windows in sums:
        made["scoop/ws1-token.json"] = scoop(version, url, windows, sums)
        made |= winget(version, url, windows, sums)
    made["binstall.toml"] = binstall(version, url)
    return {name: text.encode() for name, text in made.items()}


def homebrew(version, url, linux, sums):
    """A formula. There is no program for macOS."""
    return f"""\
# typed: false
# frozen_string_literal: true

# Hands a Workspace ONE Access API token to kubectl, git, curl and scripts.
class Ws1Token < Formula
  desc "Workspace ONE Access API tokens for kubectl, git, curl and scripts"
  homepage "{url}"
  version "{version}"
  license any_of: ["Apache-2.0", "MIT"]

  depends_on :linux

  on_intel do
    url "{url}/{linux["x86_64"]}"
    sha256 "{sums[linux["x86_64"]]}"
  end
  on_arm do
    url "{url}/{linux["aarch64"]}"
    sha256 "{sums[linux["aarch64"]]}"
  end

  def install
    bin.install "ws1-token", "git-credential-ws1"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/ws1-token.bash" => "ws1-token"
    zsh_completion.install "completions/_ws1-token"
    fish_completion.install "completions/ws1-token.fish"
    pkgshare.install "config.schema.json"
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/ws1-token --version")
  end
end
"""


def scoop(version, url, windows, sums):
    """A manifest of Scoop."""
    manifest = {
        "version": version,
        "description": DESCRIPTION,
        "homepage": url,
        "license": LICENCE.replace(" OR ", "|"),
        "architecture": {"64bit": {"url": f"{url}/{windows}", "hash": sums[windows]}},
        "extract_dir": windows.removesuffix(".zip"),
        "bin": "ws1-token.exe",
    }
    return json.dumps(manifest, indent=4) + "\n"


def winget(version, url, windows, sums):
    """The three files of WinGet. JSON is YAML too."""
    common = {"PackageIdentifier": "ws1-token.ws1-token", "PackageVersion": version, "ManifestVersion": "1.6.0"}
    files = {
        "": {"DefaultLocale": "en-US", "ManifestType": "version"},
        ".locale.en-US": {
            "PackageLocale": "en-US",
            "Publisher": "The ws1-token maintainers",
            "PackageName": "ws1-token",
            "License": LICENCE,
            "ShortDescription": DESCRIPTION,
            "ManifestType": "defaultLocale",
        },
        ".installer": {
            "InstallerType": "zip",
            "NestedInstallerType": "portable",
            "NestedInstallerFiles": [
                {
                    "RelativeFilePath": f"{windows.removesuffix('.zip')}\\ws1-token.exe",
                    "PortableCommandAlias": "ws1-token",
                }
            ],
            "Installers": [
                {"Architecture": "x64", "InstallerUrl": f"{url}/{windows}", "InstallerSha256": sums[windows].upper()}
            ],
            "ManifestType": "installer",
        },
    }
    name = "winget/ws1-token.ws1-token"
    return {f"{name}{part}.yaml": json.dumps(common | keys, indent=2) + "\n" for part, keys in files.items()}


def binstall(version, url):
    """What `cargo binstall` reads from Cargo.toml."""
    return f"""\
[package.metadata.binstall]
pkg-url = "{url}/ws1-token-{{ version }}-{{ target }}.tar.gz"
bin-dir = "ws1-token-{{ version }}-{{ target }}/{{ bin }}{{ binary-ext }}"
pkg-fmt = "tgz"

[package.metadata.binstall.overrides.x86_64-pc-windows-gnu]
pkg-url = "{url}/ws1-token-{{ version }}-{{ target }}.zip"
pkg-fmt = "zip"
"""
