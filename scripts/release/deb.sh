#!/usr/bin/env bash
# Makes a Debian package from the laid out files of a tarball: deb.sh ARCHITECTURE FOLDER OUT.deb, with Debian's name of the architecture
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
architecture=$1 from=$2 out=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
tree="$work/tree" doc="$work/tree/usr/share/doc/saoma"
mkdir "$tree" "$tree/DEBIAN"
chmod 755 "$tree"

put() { install -D -m "$1" "$2" "$tree/$3"; }
put 755 "$from/saoma" usr/bin/saoma
# A package's program lies in /usr/bin.
for unit in "$from"/packaging/systemd/*.{service,socket,timer}; do
    [ -e "$unit" ] || continue
    put 644 "$unit" "usr/lib/systemd/system/${unit##*/}"
    sed -i 's#/usr/local/bin/saoma#/usr/bin/saoma#' "$tree/usr/lib/systemd/system/${unit##*/}"
done
put 644 "$from/packaging/systemd/saoma.sysusers" usr/lib/sysusers.d/saoma.conf
put 640 "$from/packaging/etc/saoma.toml" etc/saoma/saoma.toml
chmod 750 "$tree/etc/saoma"
for name in README.md README.zh-CN.md CHANGELOG.md SECURITY.md THIRD-PARTY-NOTICES.txt saoma.example.toml; do
    put 644 "$from/$name" "usr/share/doc/saoma/$name"
done
mkdir "$doc/examples"
cp -r "$from"/packaging/{caddy,compose,fail2ban,nginx} "$doc/examples/"
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\n'
    printf 'Copyright: %s\nLicense: MIT\n' "$(sed -n 's/^Copyright (c) //p' "$root/LICENSE")"
    tail -n +5 "$root/LICENSE" | sed 's/^$/./; s/^/ /'
    printf 'Comment: THIRD-PARTY-NOTICES.txt has the licences of all that is built in.\n'
} >"$doc/copyright"
printf 'saoma (%s) stable; urgency=medium\n\n  * CHANGELOG.md has what changed.\n\n -- The Saoma project <saoma@localhost>  %s\n' \
    "$version" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$doc/changelog.gz"
gzip -9n "$doc/THIRD-PARTY-NOTICES.txt"
put 644 "$root/packaging/debian/lintian-overrides" usr/share/lintian/overrides/saoma

control="$root/packaging/debian"
# In KiB. `du` would count folders too, whose size each file system chooses.
size=$(find "$tree" -type f -printf '%s\n' | awk '{ all += $1 } END { print int(all / 1024) }')
sed "s/@version@/$version/; s/@architecture@/$architecture/; s/@size@/$size/" "$control/control" >"$tree/DEBIAN/control"
install -m 755 "$control"/{postinst,prerm,postrm} "$tree/DEBIAN/"
install -m 644 "$control/templates" "$tree/DEBIAN/"
echo /etc/saoma/saoma.toml >"$tree/DEBIAN/conffiles"
(cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
chmod 644 "$tree"/DEBIAN/{control,conffiles,md5sums}
chmod -R u=rwX,go=rX "$tree/usr"
# The number of threads decides where xz cuts its blocks.
dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$tree" "$out" >/dev/null
