{{/*
Sets the defaults of values that are missing or null. Every template calls it first. `helm upgrade --reuse-values` has the defaults of the
installed chart, so new values would be missing.
*/}}
{{- define "gh-runner.defaults" -}}
{{- include "gh-runner.fillIn" (list .Values (.Files.Get "files/defaults.yaml" | fromYaml)) -}}
{{- end }}

{{/* In values that Kubernetes defines, a null field stays away, such as `podSecurityContext.runAsUser`. */}}
{{- define "gh-runner.fillIn" -}}
{{- $values := index . 0 -}}
{{- $kubernetes := list "resources" "podSecurityContext" "securityContext" "startupProbe" "livenessProbe" "readinessProbe" "strategy" "labels" -}}
{{- range $name, $default := index . 1 -}}
{{- $given := index $values $name -}}
{{- /* Older values have serviceMonitor: true. */ -}}
{{- if and (kindIs "map" $default) (kindIs "bool" $given) -}}
{{- $given = dict "enabled" $given -}}
{{- $_ := set $values $name $given -}}
{{- end -}}
{{- if kindIs "invalid" $given -}}
{{- $_ := set $values $name $default -}}
{{- else if and (kindIs "map" $default) (not (has $name $kubernetes)) -}}
{{- include "gh-runner.fillIn" (list $given $default) -}}
{{- end -}}
{{- end -}}
{{- end }}
