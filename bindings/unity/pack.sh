# The Unity package's archive, for build.sh: the committed package with the native libraries that were built for the C SDK, their .meta
# files and licences. Built twice from the same commit it has the same bytes.

# dist_unity LIBRARIES: a directory with one of each target. Into build/dist/com.musubi-p2p.musubi-VERSION.tgz, which Unity's Package
# Manager takes ("Add package from tarball").
dist_unity() {
  local name target file from count=0
  name=com.musubi-p2p.musubi-$(version)
  local stage=$out/dist/stage/unity/package time=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 1000000000)}
  rm -rf "$out/dist/stage/unity"
  mkdir -p "$stage"
  cp -r unity/. "$stage"
  while read -r target file; do
    from=$1/$target/${file##*/}
    [ -f "$from" ] || { say "$target is left out of the Unity package: it was not built"; continue; }
    mkdir -p "$stage/${file%/*}"
    cp "$from" "$stage/$file"
    count=$((count + 1))
  done < <(go run ./capi/genmeta -plugins)
  [ $count -gt 0 ] || fail "no library for the Unity package in $1"
  notices >"$stage/Third Party Notices.md"
  go run ./capi/genmeta "$stage"
  (cd "$out/dist/stage/unity" && tar --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar -cf - package |
    gzip -9n >"$out/dist/$name.tgz")
  say "build/dist/$name.tgz  $(stat -c %s "$out/dist/$name.tgz") bytes, $count native libraries"
}

# check_unity: what was packed, unpacked, is whole and passes its tests with the library that it brings.
check_unity() {
  local work bad
  work=$(mktemp -d)
  tar -xzf "$out/dist/com.musubi-p2p.musubi-$(version).tgz" -C "$work"
  bad=$(cd "$work/package" && find . -mindepth 1 -not -path '*~*' -not -name '*.meta' | while read -r file; do [ -f "$file.meta" ] || echo "$file"; done)
  [ -z "$bad" ] || fail "the Unity package has no .meta for: $bad"
  PACKAGE=$work/package "$root/bindings/unity/test.sh" "$out/bin/musubi" "$work/package/Runtime/Plugins/Linux/x86_64" | tail -n 1
  rm -r "$work"
}
