#!/bin/sh
# Install Undertext from this folder, or remove it. Nothing but the files named in lib/undertext/installed.txt is touched.
set -eu

usage() {
    cat <<'END'
usage: ./install.sh [--prefix DIR] [--remove]

  --prefix DIR  install below DIR (default: ~/.local, or /usr/local for root)
  --remove      remove what was installed there; settings, transcripts and models stay

Run it again from a newer folder to upgrade. Without installing, bin/undertext runs from where it is.
END
}

give_up() { printf '%s\n' "$@" >&2; exit 2; }

prefix=$HOME/.local
[ "$(id -u)" != 0 ] || prefix=/usr/local
remove=
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) [ $# -gt 1 ] || give_up "--prefix wants a folder."; prefix=$2; shift ;;
        --remove) remove=yes ;;
        -h | --help) usage; exit ;;
        *) usage >&2; give_up "There is no option '$1'." ;;
    esac
    shift
done
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
home=$prefix/lib/undertext
list=$home/installed.txt

uninstall() { # whatever an earlier version of this script put there
    [ -f "$list" ] || return 0
    while IFS= read -r place; do rm -f "$prefix/$place"; done <"$list"
    rm -f "$list"
    find "$home" -depth -type d -empty -delete
}

if [ -n "$remove" ]; then
    [ -f "$list" ] || give_up "Undertext is not installed in $prefix."
    uninstall
    printf 'Removed from %s. What you kept stays in ~/.local/share/undertext.\n' "$prefix"
    exit
fi

here=$(cd "$(dirname "$0")" && pwd)
[ -x "$here/lib/undertext/undertext" ] || give_up "lib/undertext is not beside this script: unpack the whole archive."
[ "$(uname -m)" = "@MACHINE@" ] || give_up "This Undertext is for @MACHINE@, and this computer is $(uname -m)."
[ "$here" != "$prefix" ] || give_up "$prefix is this folder itself. Choose another one with --prefix."

# The loader names what it does not find; those of the bundle find each other by where they lie.
lacking=$(LD_LIBRARY_PATH=$here/lib/undertext/_internal find "$here/lib/undertext" \
    \( -name 'libqxcb.so' -o -name 'libportaudio.so*' -o -name 'libQt6Gui.so*' \) -exec ldd {} \; 2>/dev/null |
    awk '/not found/ { print $1 }' | sort -u | tr '\n' ' ')
ldconfig=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null || true)
case $ldconfig in '' | *libpulse.so.0*) ;; *) lacking="$lacking libpulse.so.0" ;; esac
[ -z "${lacking# }" ] || printf 'This system lacks, for windows or sound: %s\nInstall them with its package manager.\n' "$lacking" >&2

uninstall
mkdir -p "$prefix"
(cd "$here" && find bin lib share \( -type f -o -type l \) -print | LC_ALL=C sort) >"$here/.list" 2>/dev/null ||
    give_up "$here cannot be written: unpack the archive where you may write."
tar -C "$here" -cf - bin lib share | tar -C "$prefix" --no-same-owner -xf -
mv "$here/.list" "$list"
# A desktop may look for programs in other folders than the shell: its entry names the place.
sed -i "s|^Exec=.*|Exec=\"$home/undertext\"|" "$prefix/share/applications/undertext.desktop"
if command -v update-desktop-database >/dev/null; then update-desktop-database -q "$prefix/share/applications" || true; fi
printf 'Undertext is in your menu, and as %s/bin/undertext.\n' "$prefix"
