#!/bin/sh
# The linker that cargo calls (.cargo/config.toml). rustc needs a C compiler to link anything, also
# `cargo xtask` itself, so this is the only place where a missing one can be installed. Where there
# is one it costs a look-up.
set -eu
if ! command -v cc >/dev/null 2>&1; then
    as_root=""
    if [ "$(id -u)" -ne 0 ]; then as_root="sudo -n"; fi
    packages="gcc g++ make libc6-dev libssl-dev pkg-config"
    if ! command -v apt-get >/dev/null 2>&1 || { [ -n "$as_root" ] && ! $as_root true 2>/dev/null; }; then
        echo "There is no C compiler, and packages cannot be installed from here; run this once (as root):" >&2
        echo "  apt-get update && apt-get install -y --no-install-recommends $packages" >&2
        exit 1
    fi
    # cargo links several build scripts at once: one installs, the others wait for it.
    state="$(dirname "$0")/../../.ledger"
    mkdir -p "$state"
    (
        flock 9
        if ! command -v cc >/dev/null 2>&1; then
            # cargo shows what a linker says only when it fails, so this goes to the terminal itself.
            { echo "installing a C compiler, make and OpenSSL ($packages)" >/dev/tty; } 2>/dev/null || true
            $as_root sh -ec "
                export DEBIAN_FRONTEND=noninteractive
                apt-get -o DPkg::Lock::Timeout=300 update -qq
                apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $packages
            " >&2
        fi
    ) 9>"$state/linker.lock"
fi
exec cc "$@"
