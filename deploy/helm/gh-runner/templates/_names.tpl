{{/*
The name of all objects. By default the release's name, so two installations in one namespace have different names. A longer name
is cut, to leave room for the hash that Kubernetes adds to the names of a StatefulSet's revisions.
*/}}
{{- define "gh-runner.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if and .Values.nameOverride (not (contains .Values.nameOverride .Release.Name)) -}}
{{- printf "%s-%s" .Release.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- .Release.Name -}}
{{- end -}}
{{- end }}

{{- define "gh-runner.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end }}

{{- define "gh-runner.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "gh-runner.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{/* Selects the service's pods. It must never change: Kubernetes would reject the upgrade. */}}
{{- define "gh-runner.selectorLabels" -}}
app.kubernetes.io/name: {{ include "gh-runner.fullname" . }}
{{- end }}

{{/* The labels of every object, with commonLabels and the given labels. */}}
{{- define "gh-runner.labelsWith" -}}
{{- $root := index . 0 -}}
{{- $labels := dict
  "app.kubernetes.io/name" (include "gh-runner.fullname" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/version" ($root.Chart.AppVersion | replace "+" "_")
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") -}}
{{- include "gh-runner.allTexts" (list $root.Values.commonLabels (index . 1) $labels) -}}
{{- end }}

{{- define "gh-runner.labels" -}}
{{- include "gh-runner.labelsWith" (list . dict) -}}
{{- end }}

{{/* The name of another object, such as a backup. A CronJob's name may have 52 characters. Called with (list . "backup"). */}}
{{- define "gh-runner.otherName" -}}
{{- $fullname := include "gh-runner.fullname" (index . 0) -}}
{{- printf "%s-%s" ($fullname | trunc (sub 51 (len (index . 1)) | int) | trimSuffix "-") (index . 1) -}}
{{- end }}

{{/* The labels of another pod, such as a test. The Service must not send requests to it. Called with (list . "test"). */}}
{{- define "gh-runner.otherPodLabels" -}}
{{- $root := index . 0 -}}
{{- $labels := dict
  "app.kubernetes.io/name" (include "gh-runner.otherName" .)
  "app.kubernetes.io/instance" $root.Release.Name -}}
{{- include "gh-runner.allTexts" (list $root.Values.commonLabels $labels) -}}
{{- end }}

{{/* Called with (list . VALUES), where VALUES may have namespace, labels and annotations. */}}
{{- define "gh-runner.metadataWith" -}}
{{- $root := index . 0 -}}
{{- $values := index . 1 -}}
name: {{ include "gh-runner.fullname" $root }}
namespace: {{ $values.namespace | default (include "gh-runner.namespace" $root) }}
labels:
  {{- include "gh-runner.labelsWith" (list $root $values.labels) | nindent 2 }}
{{- with $values.annotations }}
annotations:
  {{- include "gh-runner.texts" . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "gh-runner.metadata" -}}
{{- include "gh-runner.metadataWith" (list . dict) -}}
{{- end }}

{{/*
Merges maps into one map of texts. A later map wins. Numbers and booleans become texts, because Kubernetes accepts only texts there. Lists
and maps become JSON.
*/}}
{{- define "gh-runner.allTexts" -}}
{{- $texts := dict -}}
{{- range . -}}
{{- range $name, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $texts $name (include "gh-runner.text" $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $texts -}}
{{- end }}

{{/* Not toString alone: it turns a number with seven digits into 1.234567e+06. */}}
{{- define "gh-runner.text" -}}
{{- kindIs "string" . | ternary (toString .) (toJson .) -}}
{{- end }}

{{- define "gh-runner.texts" -}}
{{- include "gh-runner.allTexts" (list .) -}}
{{- end }}

{{- define "gh-runner.image" -}}
{{- $tag := include "gh-runner.text" .Values.image.tag -}}
{{- if and (not $tag) (not .Values.image.digest) -}}{{- $tag = .Chart.AppVersion -}}{{- end -}}
{{- .Values.image.repository -}}
{{- with $tag -}}:{{ . }}{{- end -}}
{{- with .Values.image.digest -}}@{{ . }}{{- end -}}
{{- end }}

{{/* imagePullSecrets of a pod, or nothing. An entry may be just a name. */}}
{{- define "gh-runner.imagePullSecrets" -}}
{{- with concat ((.Values.global).imagePullSecrets | default list) .Values.imagePullSecrets -}}
imagePullSecrets:
{{- range . }}
  - name: {{ kindIs "string" . | ternary . (get (kindIs "map" . | ternary . dict) "name") }}
{{- end }}
{{- end }}
{{- end }}
