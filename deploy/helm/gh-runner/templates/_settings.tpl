{{/* The key of the Secret for each setting, as NAME: key. An empty key leaves the setting out. */}}
{{- define "gh-runner.secretSettings" -}}
{{- $keys := dict "AUTH_TOKENS" "auth-tokens" -}}
{{- if .Values.githubApp -}}
{{- $_ := set $keys "GITHUB_APP_PRIVATE_KEY" "github-app-private-key" -}}
{{- else -}}
{{- $_ := set $keys "GITHUB_TOKEN" "github-token" -}}
{{- end -}}
{{- if eq .Values.store "postgres" -}}{{- $_ := set $keys "DATABASE_URL" "database-url" -}}{{- end -}}
{{- if .Values.webhook -}}{{- $_ := set $keys "GITHUB_WEBHOOK_SECRET" "github-webhook-secret" -}}{{- end -}}
{{- if .Values.flux -}}{{- $_ := set $keys "FLUX_HMAC_KEY" "flux-hmac-key" -}}{{- end -}}
{{- range $name, $key := .Values.secretSettings -}}
{{- if $key -}}{{- $_ := set $keys $name (toString $key) -}}{{- else -}}{{- $_ := unset $keys $name -}}{{- end -}}
{{- end -}}
{{- toYaml $keys -}}
{{- end }}
