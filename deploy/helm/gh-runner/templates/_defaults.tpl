{{/*
Puts the defaults where values are missing or null, and is called first in every template. `helm upgrade --reuse-values` brings
the defaults of the chart that was installed, so what is new would be missing.
*/}}
{{- define "gh-runner.defaults" -}}
{{- include "gh-runner.fillIn" (list .Values (.Files.Get "files/defaults.yaml" | fromYaml)) -}}
{{- end }}

{{/* A null within what Kubernetes defines, such as `podSecurityContext.runAsUser`, stays away. */}}
{{- define "gh-runner.fillIn" -}}
{{- $values := index . 0 -}}
{{- $kubernetes := list "resources" "podSecurityContext" "securityContext" "startupProbe" "livenessProbe" "readinessProbe" "strategy" "labels" -}}
{{- range $name, $default := index . 1 -}}
{{- $given := index $values $name -}}
{{- /* serviceMonitor: true, as it was before it had more to say. */ -}}
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
