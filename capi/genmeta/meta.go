package main

import (
	"fmt"
	"path"
	"strings"
)

// tail ends every importer's settings.
const tail = `  userData:
  assetBundleName:
  assetBundleVariant:
`

// importers are Unity's settings for files that need none of ours, by extension.
var importers = map[string]string{
	".cs": "MonoImporter:\n  externalObjects: {}\n  serializedVersion: 2\n  defaultReferences: []\n  executionOrder: 0\n" +
		"  icon: {instanceID: 0}\n" + tail,
	".asmdef": "AssemblyDefinitionImporter:\n  externalObjects: {}\n" + tail,
	".md":     "TextScriptImporter:\n  externalObjects: {}\n" + tail,
}

// meta is the text of the .meta of one file or folder, name from the package's root.
func meta(name string, folder bool, guid string) (string, error) {
	head := "fileFormatVersion: 2\nguid: " + guid + "\n"
	if folder {
		return head + "folderAsset: yes\nDefaultImporter:\n  externalObjects: {}\n" + tail, nil
	}
	if name == "package.json" {
		return head + "PackageManifestImporter:\n  externalObjects: {}\n" + tail, nil
	}
	if p, ok := plugins[name]; ok {
		return head + p.importer(), nil
	}
	text, ok := importers[path.Ext(name)]
	if !ok || strings.HasPrefix(name, "Runtime/Plugins/") {
		return "", fmt.Errorf("unity/%s: genmeta knows no import settings for it: add them to capi/genmeta", name)
	}
	return head + text, nil
}
