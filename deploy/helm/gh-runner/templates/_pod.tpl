{{/* Values that the pod gets unchanged, unless they are empty. Called with (list . KEY…). */}}
{{- define "gh-runner.parts" -}}
{{- $given := dict -}}
{{- $values := (first .).Values -}}
{{- range $name := rest . -}}
{{- with index $values $name -}}{{- $_ := set $given $name . -}}{{- end -}}
{{- end -}}
{{- with $given.nodeSelector -}}{{- $_ := set $given "nodeSelector" (include "gh-runner.texts" . | fromYaml) -}}{{- end -}}
{{- with $given -}}{{- toYaml . -}}{{- end -}}
{{- end }}

{{/* A probe, unless it is off. Called with (list . "livenessProbe"). */}}
{{- define "gh-runner.probe" -}}
{{- $probe := index (index . 0).Values (index . 1) -}}
{{- if ne (toString $probe.enabled) "false" -}}
{{ index . 1 }}:
  {{- omit $probe "enabled" | toYaml | nindent 2 }}
{{- end }}
{{- end }}

{{/* Adds the workload's selector to each constraint without one. */}}
{{- define "gh-runner.topologySpreadConstraints" -}}
{{- $constraints := .Values.topologySpreadConstraints -}}
{{- if and (not $constraints) (eq .Values.store "postgres") -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" -}}
{{- $constraints = append $constraints (dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" "ScheduleAnyway") -}}
{{- end -}}
{{- end -}}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "gh-runner.selectorLabels" . | fromYaml)) -}}
{{- with $constraints -}}
topologySpreadConstraints:
{{- range . }}
  - {{- merge (deepCopy .) $selector | toYaml | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/* The container's variables: first the chart's, without those that extraEnv sets. */}}
{{- define "gh-runner.env" -}}
{{- $given := list -}}
{{- range .Values.extraEnv -}}{{- $given = append $given .name -}}{{- end -}}
{{- $charts := list (dict "name" "DATA_DIR" "value" "/data") -}}
{{- range $name, $key := include "gh-runner.secretSettings" . | fromYaml -}}
{{- $charts = append $charts (dict "name" (printf "%s_FILE" $name) "value" (printf "/run/secrets/gh-runner/%s" $key)) -}}
{{- end -}}
{{- $all := list -}}
{{- range concat $charts (include "gh-runner.workflows.env" . | fromYamlArray) -}}
{{- if not (has .name $given) -}}{{- $all = append $all . -}}{{- end -}}
{{- end -}}
{{- concat $all (include "gh-runner.extraEnv" . | fromYamlArray) | toYaml -}}
{{- end }}

{{/* extraEnv unchanged, but with texts as values. */}}
{{- define "gh-runner.extraEnv" -}}
{{- $env := list -}}
{{- range .Values.extraEnv -}}
{{- $env = append $env (hasKey . "value" | ternary (set (deepCopy .) "value" (include "gh-runner.text" .value)) .) -}}
{{- end -}}
{{- toYaml $env -}}
{{- end }}

{{- define "gh-runner.volumes" -}}
- name: secrets
  secret:
    secretName: {{ .Values.secretName }}
    # 0440: the group can read it, and the group is fsGroup.
    defaultMode: 288
{{- if eq .Values.store "postgres" }}
- name: data
  emptyDir:
    sizeLimit: 64Mi
{{- else if .Values.storage.existingClaim }}
- name: data
  persistentVolumeClaim:
    claimName: {{ .Values.storage.existingClaim }}
{{- end }}
{{- end }}

{{- define "gh-runner.pod" -}}
metadata:
  labels:
    {{- $labels := dict "app.kubernetes.io/instance" .Release.Name }}
    {{- $selector := include "gh-runner.selectorLabels" . | fromYaml }}
    {{- include "gh-runner.allTexts" (list .Values.commonLabels .Values.podLabels $labels $selector) | nindent 4 }}
  annotations:
    # The service reads its settings at the start, so a change must replace the pods.
    checksum/settings: {{ include "gh-runner.texts" .Values.settings | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- include "gh-runner.texts" . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "gh-runner.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
  enableServiceLinks: false
  {{- with include "gh-runner.imagePullSecrets" . }}
  {{- . | nindent 2 }}
  {{- end }}
  # 10 s for work in flight, 5 s before that if there are other replicas, and a reserve.
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- include "gh-runner.podSecurityContext" . | nindent 4 }}
  {{- with include "gh-runner.topologySpreadConstraints" . }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with include "gh-runner.parts" (list . "nodeSelector" "tolerations" "affinity" "hostAliases" "dnsConfig" "dnsPolicy" "priorityClassName" "runtimeClassName") }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with concat (include "gh-runner.workflows.initContainers" . | fromYamlArray) .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: gh-runner
      image: {{ include "gh-runner.image" . }}
      {{- with .Values.image.pullPolicy }}
      imagePullPolicy: {{ . }}
      {{- end }}
      envFrom:
        - configMapRef:
            name: {{ include "gh-runner.fullname" . }}
        {{- with .Values.extraEnvFrom }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      env:
        {{- include "gh-runner.env" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 9555
          protocol: TCP
      {{- if eq .Values.store "postgres" }}
      lifecycle:
        preStop:
          # The Service still sends requests here until it knows that this pod ends.
          sleep:
            seconds: 5
      {{- end }}
      {{- range list "startupProbe" "livenessProbe" "readinessProbe" }}
      {{- with include "gh-runner.probe" (list $ .) }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- end }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "gh-runner.securityContext" . | nindent 8 }}
      volumeMounts:
        - name: data
          mountPath: /data
        - name: secrets
          mountPath: /run/secrets/gh-runner
          readOnly: true
        {{- with concat (include "gh-runner.workflows.mounts" . | fromYamlArray) .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with concat (include "gh-runner.workflows.sidecars" . | fromYamlArray) .Values.sidecars }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "gh-runner.volumes" . | nindent 4 }}
    {{- with concat (include "gh-runner.workflows.volumes" . | fromYamlArray) .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
