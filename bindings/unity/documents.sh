# The C# that documents show, for test.sh, which sources it: compiled like the package's own code, against the same stand-ins. A block with a
# name behind "csharp" is a whole file; one without is a piece of a method of somebody who has a MusubiManager. README's is bindings/cpp/tests/readme.sh's.
documents_compile() {
	local document name n=0 root=$here/../..
	for document in "$root"/docs/*.md "$root"/docs/guides/*.md "$root"/unity/*.md "$package/Documentation~"/*.md; do
		awk -v to="$work/shown.$n" '
			/^```csharp/ { on = 1; k++; file = sprintf("%s.%02d.%s", to, k, NF > 1 ? $2 : "piece.cs"); printf "" >file; next }
			/^```/ { on = 0 }
			on { print >file }' "$document"
		n=$((n + 1))
	done
	for name in "$work"/shown.*.piece.cs; do
		[ -e "$name" ] || continue
		{
			printf 'using System.Text;\nusing UnityEngine;\nusing Musubi;\nclass Piece { void Show(MusubiManager musubi, string typed) {\n'
			cat "$name"
			printf '} }\n'
		} >"$name.whole.cs"
		library Piece "$engine" "$core" "$name.whole.cs" || return 1
		rm "$name" "$name.whole.cs"
		passes "a piece of C# in the documents compiles"
	done
	for name in "$work"/shown.*.cs; do
		[ -e "$name" ] || continue
		library Shown "$engine" "$core" "-r:$work/Netcode2.7/Netcode.dll" "-r:$work/Netcode2.7/Musubi.Netcode.dll" "$name" || return 1
		passes "the documents' ${name##*.[0-9][0-9].} compiles"
	done
}
