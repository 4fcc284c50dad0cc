#!/usr/bin/env bash
# On a machine of GitHub's: puts the certificate that signs into a keychain of its own, the notary's key into a file, and
# tells the steps that follow. Without a certificate it does nothing, and the bundle stays signed by nobody.
#
#   CERTIFICATE           a Developer ID Application certificate with its key, PKCS #12 in base64
#   CERTIFICATE_PASSWORD  of that file
#   NOTARY_KEY            a key of App Store Connect, the text of its .p8; empty for no notary
#   NOTARY_KEY_ID         its id
#   NOTARY_ISSUER         whose it is
set -euo pipefail

[[ -n ${CERTIFICATE:-} ]] || { echo "There is no certificate: the bundle stays signed by nobody."; exit 0; }

keychain=$RUNNER_TEMP/undertext.keychain-db
password=$(uuidgen)
security create-keychain -p "$password" "$keychain"
security set-keychain-settings -lut 7200 "$keychain"
security unlock-keychain -p "$password" "$keychain"
base64 --decode <<<"$CERTIFICATE" >"$RUNNER_TEMP/certificate.p12"
security import "$RUNNER_TEMP/certificate.p12" -P "$CERTIFICATE_PASSWORD" -k "$keychain" -f pkcs12 -T /usr/bin/codesign
rm "$RUNNER_TEMP/certificate.p12"
# Without this codesign would ask a person for leave.
security set-key-partition-list -S apple-tool:,apple: -s -k "$password" "$keychain" >/dev/null
security list-keychains -d user -s "$keychain" login.keychain-db

identity=$(security find-identity -v -p codesigning "$keychain" | sed -n 's/.*"\(.*\)".*/\1/p' | head -n 1)
[[ -n $identity ]] || { echo "The certificate signs no programs: it has to be a Developer ID Application." >&2; exit 2; }
echo "UNDERTEXT_SIGNING_IDENTITY=$identity" >>"$GITHUB_ENV"

[[ -n ${NOTARY_KEY:-} ]] || { echo "There is no key for the notary: the image is signed only."; exit 0; }
(umask 077 && printf '%s\n' "$NOTARY_KEY" >"$RUNNER_TEMP/notary.p8")
{
    echo "UNDERTEXT_NOTARY_KEY=$RUNNER_TEMP/notary.p8"
    echo "UNDERTEXT_NOTARY_KEY_ID=${NOTARY_KEY_ID:-}"
    echo "UNDERTEXT_NOTARY_ISSUER=${NOTARY_ISSUER:-}"
} >>"$GITHUB_ENV"
