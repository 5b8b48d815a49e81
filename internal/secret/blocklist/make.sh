#!/usr/bin/env bash
# Makes passwords.txt.gz anew from the npm package named below (see README.md). Needs npm, node and gzip.
set -euo pipefail
package=@zxcvbn-ts/language-common@4.1.3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
tar xzf "$(npm pack --silent "$package")"
node -e '
const words = require("./package/src/passwords.json")
  .map(w => w.normalize("NFC").toLowerCase())
  .filter(w => w.length >= 4 && !/[\n\r]/.test(w));
const bytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
process.stdout.write([...new Set(words)].sort(bytes).join("\n") + "\n");
' | gzip -9n >"$here/passwords.txt.gz"
cp package/LICENSE.txt "$here/LICENSE.txt"
