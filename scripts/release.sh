#!/usr/bin/env bash
# Makes a release of the commit that is checked out, in dist/: for x86_64 and aarch64 a tarball, a Debian package, a container image and
# an SBOM, then the checksums of them all, signed with the key in the file SAOMA_RELEASE_KEY (ssh-keygen makes one). It stops at a
# known advisory, and where it cannot ask for any (ADVISORY_DB=folder is a copy of the database). The same commit and compiler give
# the same bytes, in any folder and at any time.
source "$(dirname "${BASH_SOURCE[0]}")/release/lib.sh"
cd "$root"
umask 022
export LC_ALL=C TZ=UTC
[ -z "$(git status --porcelain)" ] || fail "a release is made of a commit, and there are changes that are in none"
[ -z "${SAOMA_RELEASE_KEY:-}" ] || [ -r "$SAOMA_RELEASE_KEY" ] || fail "SAOMA_RELEASE_KEY=$SAOMA_RELEASE_KEY cannot be read"
for tool in dpkg-deb ssh-keygen; do command -v $tool >/dev/null || apt_install dpkg openssh-client; done
rm -rf dist

say "release $version of $commit"
bash scripts/deny.sh advisories
bash scripts/site.sh release
for architecture in "${architectures[@]}"; do bash scripts/release/binary.sh "$architecture"; done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/dist" "$work/papers"
say "SBOMs and notices"
bash scripts/release/papers.sh "$work/papers"
mv "$work"/papers/*.cdx.json "$work/dist/"
linking_tools

# What the tarball has; packages and images take theirs from it.
lay_out() {
    local folder=$1
    mkdir "$folder"
    install -m 755 "$CARGO_TARGET_DIR/$architecture-unknown-linux-musl/release/saoma" "$folder/saoma"
    cp LICENSE README.md README.zh-CN.md CHANGELOG.md SECURITY.md saoma.example.toml "$work/papers/THIRD-PARTY-NOTICES.txt" "$folder/"
    git archive HEAD packaging | tar -x -C "$folder"
    rm -r "$folder/packaging/debian"
    printf 'version %s\ncommit %s\ncompiler %s\n' "$version" "$commit" "$(rustc --version)" >"$folder/BUILD"
    chmod -R u=rwX,go=rX "$folder"
}
declare -A debian=([x86_64]=amd64 [aarch64]=arm64)
for architecture in "${architectures[@]}"; do
    name="saoma-$version-$architecture-linux"
    say "$name"
    lay_out "$work/$name"
    tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=gnu -c "$name" |
        gzip -9n >"$work/dist/$name.tar.gz"
    also=${debian[$architecture]}
    bash scripts/release/deb.sh "$also" "$work/$name" "$work/dist/saoma_${version}_$also.deb"
    "$wheels/bin/python" scripts/release/image.py "$also" "$work/$name" "$packages/certifi/cacert.pem" "$version" "$commit" \
        "$SOURCE_DATE_EPOCH" "$work/dist/saoma-$version-image-$also.tar"
done

(cd "$work/dist" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
if [ -n "${SAOMA_RELEASE_KEY:-}" ]; then
    ssh-keygen -Y sign -q -f "$SAOMA_RELEASE_KEY" -n saoma-release "$work/dist/SHA256SUMS"
fi
mv "$work/dist" dist
say "in dist/:"
(cd dist && du -h --apparent-size -- * >&2)
if [ ! -e dist/SHA256SUMS.sig ]; then say "without SAOMA_RELEASE_KEY the release is unsigned"; fi
