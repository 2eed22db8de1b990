# The Unreal plugin's archive and checks, for build.sh, which has set root and out and has need, fail, say, check, version and the
# targets (capi/targets.sh, bindings/c/sdk/sdk.sh).

# Where Build.cs stages the library of each target: MusubiLibrary.Build.cs.
unreal_place() {
  case $1 in
    windows-amd64) echo Win64/musubi.dll ;;
    linux-amd64) echo Linux/libmusubi.so ;;
    linux-arm64) echo LinuxArm64/libmusubi.so ;;
    macos-amd64) echo Mac/x64/libmusubi.dylib ;;
    macos-arm64) echo Mac/arm64/libmusubi.dylib ;;
  esac
}

# unreal_stage DIRECTORY: the plugin as users get it, but for the libraries. No check, shim or build file of ours goes along.
unreal_stage() {
  rm -rf "$1"
  mkdir -p "$1"
  cp -R "$root/unreal/Musubi/." "$1"
  mkdir -p "$1/Source/ThirdParty/MusubiLibrary/include"
  cp "$root/include/musubi.h" "$root/bindings/cpp/musubi.hpp" "$1/Source/ThirdParty/MusubiLibrary/include"
  cp "$root/LICENSE" "$1"
}

# dist_unreal: needs what dist_sdk has staged.
dist_unreal() {
  local name stage sdk target file
  name=musubi-unreal-$(version)
  sdk=$out/dist/stage/musubi-c-sdk-$(version)
  stage=$out/dist/stage/unreal/Musubi
  unreal_stage "$stage"
  for target in "${targets_here[@]}"; do
    file=$stage/Binaries/ThirdParty/Musubi/$(unreal_place "$target")
    mkdir -p "${file%/*}"
    cp "$sdk/lib/$target/${file##*/}" "$file"
  done
  cp "$sdk/THIRD-PARTY.txt" "$stage"
  find "$stage" -type f -exec chmod 644 {} +
  (cd "$out/dist/stage/unreal" && archive Musubi "$out/dist/$name")
  rm "$out/dist/$name.tar.gz" # engines' users unpack zips
  unreal_build_cs "$stage" "$out/dist/stage/unreal-rules" || fail "the Unreal archive lacks what its rules name"
  say "build/dist/$name.zip  $(stat -c %s "$out/dist/$name.zip") bytes"
}

# unreal_build_cs PLUGIN WORK: every Build.cs compiled and run for each platform and configuration; what it names must be there.
unreal_build_cs() {
  local modules=(ThirdParty/MusubiLibrary MusubiCore Musubi MusubiNet MusubiTests)
  mkdir -p "$2"
  mcs -nologo -warnaserror -langversion:6 -out:"$2/build_cs.exe" "$root/unreal/checks/build_cs/UnrealBuildTool.cs" "$1"/Source/*/*.Build.cs "$1"/Source/ThirdParty/*/*.Build.cs || return 1
  mono "$2/build_cs.exe" "$1" "${modules[@]}" >"$2/rules" || { grep MISSING "$2/rules" | sort -u; return 1; }
  say "$(grep -c dependencies: "$2/rules") rules of ${#modules[@]} modules, $(grep -c stages: "$2/rules") staged files, all there"
}

# What needs no long build: rules, syntax. The libraries of other targets are placeholders here; `dist` checks the real ones.
unreal_static() (
  set -e
  local work=$out/unreal target file
  mkdir -p "$work"
  unreal_stage "$work/Musubi"
  for target in "${targets_here[@]}"; do
    file=$work/Musubi/Binaries/ThirdParty/Musubi/$(unreal_place "$target")
    mkdir -p "${file%/*}"
    touch "$file"
  done
  unreal_build_cs "$work/Musubi" "$work"
  "$root/unreal/checks/syntax.sh" "$root" "$work/Musubi" "$work" "$work/rules"
  "$root/unreal/checks/documents.sh" "$root" "$work/Musubi" "$work"
)

# The tests and nothing else of the C tests, which need many libraries.
unreal_build() {
  setup_build
  cmake -S . -B "$out" -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=ON && cmake --build "$out" -j 2 --target unreal_words unreal_session unreal_driver unreal_engine unreal_replication unreal_missing
}

unreal_ctest() (
  cd "$out" && ctest --output-on-failure --timeout 300 -R '^unreal_'
)

unreal_lint() { go test -count=1 ./unreal/checks/; }
