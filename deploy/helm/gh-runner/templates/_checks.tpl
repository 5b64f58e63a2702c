{{/* Fails with all problems of the values, and what to do. `helm lint` prints them and continues. */}}
{{- define "gh-runner.check" -}}
{{- $problems := include "gh-runner.problems" . | fromYamlArray -}}
{{- if $problems -}}
{{- fail (printf "\n\nCannot install. Fix these values (README.md of the chart):\n  %s\n" (join "\n" $problems | replace "\n" "\n  ")) -}}
{{- end -}}
{{- end }}

{{/* A list of texts as YAML. */}}
{{- define "gh-runner.problems" -}}
{{- $problems := list -}}
{{- $settings := .Values.settings -}}
{{- $keys := include "gh-runner.secretSettings" . | fromYaml -}}
{{- $env := list -}}
{{- range .Values.extraEnv -}}{{- $env = append $env .name -}}{{- end -}}
{{- if not .Values.image.repository -}}
{{- $problems = append $problems "image.repository: say where your image is, such as registry.example.com/gh-runner" -}}
{{- end -}}
{{- if not .Values.extraEnvFrom -}}
{{- $needed := dict "TARGET_REPO" "the repository whose tests are started, such as acme/shop" "DEPLOYMENT_REPO" "the repository with the values files, such as acme/deployment" -}}
{{- if .Values.githubApp -}}{{- $_ := set $needed "GITHUB_APP_ID" "the number of your GitHub App" -}}{{- end -}}
{{- range $name, $what := $needed -}}
{{- if not (or (index $settings $name) (has $name $env) (has (printf "%s_FILE" $name) $env) (hasKey $keys $name)) -}}
{{- $problems = append $problems (printf "settings.%s: set %s" $name $what) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $settings -}}
{{- if has $name (list "PORT" "HOST" "DATA_DIR") -}}
{{- $problems = append $problems (printf "settings.%s: leave it out. The chart sets where the service listens and keeps its data; service.port is the port for callers" $name) -}}
{{- else if hasKey $keys $name -}}
{{- $problems = append $problems (printf "settings.%s: leave it out. It is read from the key %s of the Secret %s. To give it as a setting, set secretSettings.%s to \"\"" $name (index $keys $name) $.Values.secretName $name) -}}
{{- else if has $name (include "gh-runner.credentials" $ | fromYamlArray) -}}
{{- $problems = append $problems (printf "settings.%s: it is a secret, and settings go into a ConfigMap. Put it into the Secret %s, and name its key in secretSettings.%s" $name $.Values.secretName $name) -}}
{{- end -}}
{{- end -}}
{{- range list "PORT" "DATA_DIR" -}}
{{- if has . $env -}}
{{- $problems = append $problems (printf "extraEnv: leave %s out. The chart sets where the service listens and keeps its data" .) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- $problems = append $problems "ingress.hosts: name the hosts, such as [ci.example.com]" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- $problems = append $problems "httpRoute.parentRefs: name your Gateway, such as [{name: public, namespace: gateways}]" -}}
{{- end -}}
{{- if and .Values.backup.enabled (eq .Values.store "sqlite") (not .Values.storage.existingClaim) (has "ReadWriteOncePod" .Values.storage.accessModes) -}}
{{- $problems = append $problems "storage.accessModes: the backup's pod mounts the volume too, and ReadWriteOncePod forbids that. Use ReadWriteOnce, or leave backup.enabled out" -}}
{{- end -}}
{{- range concat (include "gh-runner.workflows.problems" . | fromYamlArray) (include "gh-runner.storageChanges" . | fromYamlArray) (include "gh-runner.backupChanges" . | fromYamlArray) -}}
{{- $problems = append $problems . -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end }}

{{/* Secrets, which must not be in a ConfigMap. */}}
{{- define "gh-runner.credentials" -}}
[AUTH_TOKENS, DATABASE_PASSWORD, DATABASE_URL, FLUX_HMAC_KEY, GITHUB_APP_PRIVATE_KEY, GITHUB_CLIENT_SECRET, GITHUB_TOKEN, GITHUB_WEBHOOK_SECRET, OIDC_CLIENT_SECRET]
{{- end }}

{{/*
The differences between the volume of the values and of the StatefulSet in the cluster, a list of texts as YAML. Kubernetes rejects every
change of volumeClaimTemplates, and its message does not say what to do. `helm template` and Argo CD do not know the cluster.
*/}}
{{- define "gh-runner.storageChanges" -}}
{{- $changes := list -}}
{{- $name := include "gh-runner.fullname" . -}}
{{- $namespace := include "gh-runner.namespace" . -}}
{{- $installed := lookup "apps/v1" "StatefulSet" $namespace $name -}}
{{- if and $installed (eq .Values.store "sqlite") -}}
{{- $delete := printf "kubectl -n %s delete statefulset %s --cascade=orphan" $namespace $name -}}
{{- $claim := printf "data-%s-0" $name -}}
{{- $page := "docs/kubernetes.md, \"Another volume\"" -}}
{{- $storage := .Values.storage -}}
{{- $template := first ($installed.spec.volumeClaimTemplates | default list) -}}
{{- if and $template $storage.existingClaim -}}
{{- $changes = append $changes (printf "storage.existingClaim: the release already has a volume, %s, and Kubernetes cannot change a StatefulSet's volume.\n  Copy the data first: %s. Then: %s" $claim $page $delete) -}}
{{- else if and (not $template) (not $storage.existingClaim) -}}
{{- $changes = append $changes (printf "storage.existingClaim: the release has it, and Kubernetes cannot change a StatefulSet's volume.\n  Copy the data first: %s. Then: %s" $page $delete) -}}
{{- else if $template -}}
{{- $size := $template.spec.resources.requests.storage -}}
{{- $had := include "gh-runner.bytes" $size | float64 -}}
{{- $has := include "gh-runner.bytes" $storage.size | float64 -}}
{{- if gt $has $had -}}
{{- $changes = append $changes (printf "storage.size: the release has %s, the values say %v, and Kubernetes cannot change a StatefulSet's volume. If its class\n  has allowVolumeExpansion, enlarge the claim and delete the StatefulSet, so that the upgrade makes it again. The pod keeps running:\n    kubectl -n %s patch pvc %s -p '{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"%v\"}}}}'\n    %s\n  Then upgrade again." $size $storage.size $namespace $claim $storage.size $delete) -}}
{{- else if lt $has $had -}}
{{- $changes = append $changes (printf "storage.size: the release has %s, the values say %v, and no volume shrinks. Keep %s, or take\n  a new volume: %s" $size $storage.size $size $page) -}}
{{- end -}}
{{- $class := $template.spec.storageClassName | default "" -}}
{{- if ne $class $storage.storageClassName -}}
{{- $changes = append $changes (printf "storage.storageClassName: the release has %q, the values say %q, and no volume changes its class.\n  Keep it, or take a new volume: %s" $class $storage.storageClassName $page) -}}
{{- end -}}
{{- if ne (sortAlpha $template.spec.accessModes | join ",") (sortAlpha $storage.accessModes | join ",") -}}
{{- $changes = append $changes (printf "storage.accessModes: the release has %s, the values say %s, and no volume changes them.\n  Keep them, or take a new volume: %s" (toJson $template.spec.accessModes) (toJson $storage.accessModes) $page) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $changes -}}
{{- end }}

{{/* The same for the claim of backups. If its class does not allow it to grow, Kubernetes' message names the reason. */}}
{{- define "gh-runner.backupChanges" -}}
{{- $changes := list -}}
{{- $name := include "gh-runner.otherName" (list . "backup") -}}
{{- $backup := .Values.backup -}}
{{- if and $backup.enabled (not $backup.existingClaim) -}}
{{- with lookup "v1" "PersistentVolumeClaim" (include "gh-runner.namespace" .) $name -}}
{{- $else := "or name another claim in backup.existingClaim" -}}
{{- $size := .spec.resources.requests.storage -}}
{{- if lt (include "gh-runner.bytes" $backup.size | float64) (include "gh-runner.bytes" $size | float64) -}}
{{- $changes = append $changes (printf "backup.size: the claim %s has %s, the values say %v, and no volume shrinks. Keep %s, %s" $name $size $backup.size $size $else) -}}
{{- end -}}
{{- $class := .spec.storageClassName | default "" -}}
{{- if and $backup.storageClassName (ne $class $backup.storageClassName) -}}
{{- $changes = append $changes (printf "backup.storageClassName: the claim %s has %q, the values say %q, and no volume changes its class. Keep it, %s" $name $class $backup.storageClassName $else) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $changes -}}
{{- end }}

{{/* A quantity in bytes, because the API server writes 1024Mi as 1Gi. */}}
{{- define "gh-runner.bytes" -}}
{{- $units := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- $text := include "gh-runner.text" . -}}
{{- $unit := regexFind "[a-zA-Z]*$" $text -}}
{{- mulf (float64 (trimSuffix $unit $text)) (index $units $unit) | printf "%.0f" -}}
{{- end }}
