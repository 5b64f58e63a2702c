{{/* Where the workflows come from. Each template makes a list or nothing, and _pod.tpl puts it into the pod. */}}

{{/*
Which source is set: `configMap`, `image`, `git`, `oci`, or nothing. It also sets the defaults of fields that are missing or null,
so the other templates call it first.
*/}}
{{- define "gh-runner.workflows.source" -}}
{{- $workflows := .Values.workflows -}}
{{- $defaults := (.Files.Get "files/defaults.yaml" | fromYaml).workflows -}}
{{- range $table := list "git" "oci" -}}
{{- range $key, $value := index $defaults $table -}}
{{- if kindIs "invalid" (index $workflows $table $key) -}}{{- $_ := set (index $workflows $table) $key $value -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if $workflows.configMap -}}configMap
{{- else if $workflows.image -}}image
{{- else if $workflows.git.repository -}}git
{{- else if $workflows.oci.image -}}oci
{{- end -}}
{{- end }}

{{/* The problems of the values, a list of texts as YAML. */}}
{{- define "gh-runner.workflows.problems" -}}
{{- $_ := include "gh-runner.workflows.source" . -}}
{{- $workflows := .Values.workflows -}}
{{- $git := $workflows.git -}}
{{- $problems := list -}}
{{- $set := list -}}
{{- range $name, $value := dict "workflows.configMap" $workflows.configMap "workflows.image" $workflows.image "workflows.git.repository" $git.repository "workflows.oci.image" $workflows.oci.image -}}
{{- if $value -}}{{- $set = append $set $name -}}{{- end -}}
{{- end -}}
{{- if gt (len $set) 1 -}}
{{- $problems = append $problems (printf "workflows: they come from one place. Keep one of %s" (join ", " $set)) -}}
{{- end -}}
{{- if and $git.repository (eq $git.credentials "githubApp") (not (and $git.githubAppId $git.githubInstallationId)) -}}
{{- $problems = append $problems "workflows.git: set githubAppId and githubInstallationId, the numbers of your GitHub App and of its installation" -}}
{{- end -}}
{{- if and $git.repository (ne $git.credentials "ssh") (not (hasPrefix "https://" $git.repository)) -}}
{{- $problems = append $problems "workflows.git.repository: write https://…, or set workflows.git.credentials to ssh" -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end }}

{{- define "gh-runner.workflows.env" -}}
{{- $source := include "gh-runner.workflows.source" . -}}
{{- if $source }}
- name: WORKFLOWS_DIR
  value: {{ include "gh-runner.workflows.dir" . }}
- name: WORKFLOWS_RELOAD
  value: "true"
{{- else if .Values.flux }}
- name: WORKFLOWS_DIR
  value: /workflows
{{- end }}
{{- end }}

{{- define "gh-runner.workflows.dir" -}}
{{- $workflows := .Values.workflows -}}
{{- $source := include "gh-runner.workflows.source" . -}}
{{- if eq $source "image" -}}
{{- $workflows.image -}}
{{- else if eq $source "git" -}}
{{- printf "/git/current/%s" $workflows.git.path | trimSuffix "/" -}}
{{- else if eq $source "oci" -}}
{{- printf "/workflows/%s" $workflows.oci.path | trimSuffix "/" -}}
{{- else -}}
/workflows
{{- end -}}
{{- end }}

{{- define "gh-runner.workflows.mounts" -}}
{{- $source := include "gh-runner.workflows.source" . -}}
{{- if eq $source "git" }}
- name: git
  mountPath: /git
  readOnly: true
{{- else if has $source (list "configMap" "oci") }}
- name: own-workflows
  mountPath: /workflows
  readOnly: true
{{- else if and .Values.flux (not $source) }}
- name: workflows
  mountPath: /workflows
  readOnly: true
{{- end }}
{{- end }}

{{- define "gh-runner.workflows.volumes" -}}
{{- $workflows := .Values.workflows -}}
{{- $source := include "gh-runner.workflows.source" . -}}
{{- if eq $source "git" }}
- name: git
  emptyDir:
    sizeLimit: {{ $workflows.git.sizeLimit }}
- name: git-tmp
  emptyDir:
    sizeLimit: 16Mi
{{- if ne $workflows.git.credentials "none" }}
- name: git-secret
  secret:
    secretName: {{ $workflows.git.secretName }}
    defaultMode: 288
{{- end }}
{{- else if eq $source "configMap" }}
- name: own-workflows
  configMap:
    name: {{ $workflows.configMap }}
{{- else if eq $source "oci" }}
- name: own-workflows
  image:
    reference: {{ $workflows.oci.image }}
    {{- with $workflows.oci.pullPolicy }}
    pullPolicy: {{ . }}
    {{- end }}
{{- else if and .Values.flux (not $source) }}
- name: workflows
  configMap:
    name: {{ include "gh-runner.workflows.fluxConfigMap" . }}
{{- end }}
{{- end }}

{{- define "gh-runner.workflows.fluxConfigMap" -}}
{{ include "gh-runner.fullname" . }}-workflows
{{- end }}

{{- define "gh-runner.workflows.initContainers" -}}
{{- $source := include "gh-runner.workflows.source" . -}}
{{- if eq $source "git" }}
{{- include "gh-runner.workflows.gitSync" . }}
{{- end }}
{{- if and $source .Values.workflows.check }}
# If a file is broken and has no previous version, this container fails and its log says why. The pod does not start.
- name: check-workflows
  image: {{ include "gh-runner.image" . }}
  {{- with .Values.image.pullPolicy }}
  imagePullPolicy: {{ . }}
  {{- end }}
  args: [workflows, --only-files]
  envFrom:
    - configMapRef:
        name: {{ include "gh-runner.fullname" . }}
  env:
    {{- include "gh-runner.workflows.env" . | trim | nindent 4 }}
    - name: DATA_DIR
      value: /data
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    {{- include "gh-runner.securityContext" . | nindent 4 }}
  volumeMounts:
    - name: data
      mountPath: /data
    {{- with concat (include "gh-runner.workflows.mounts" . | fromYamlArray) .Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}

{{/* It starts first and keeps running beside the service. The next container starts when the first commit is there. */}}
{{- define "gh-runner.workflows.gitSync" -}}
{{- $git := .Values.workflows.git }}
- name: git-sync
  image: {{ $git.image }}
  restartPolicy: Always
  env:
    - name: GITSYNC_REPO
      value: {{ $git.repository | quote }}
    {{- with $git.ref }}
    - name: GITSYNC_REF
      value: {{ include "gh-runner.text" . | quote }}
    {{- end }}
    - name: GITSYNC_PERIOD
      value: {{ $git.period | quote }}
    - name: GITSYNC_ROOT
      value: /git
    - name: GITSYNC_LINK
      value: current
    # It retries forever, and keeps the present commit.
    - name: GITSYNC_MAX_FAILURES
      value: "-1"
    - name: GITSYNC_STALE_WORKTREE_TIMEOUT
      value: 5m
    - name: GITSYNC_HTTP_BIND
      value: ":2020"
    - name: HOME
      value: /tmp
    {{- if eq $git.credentials "token" }}
    # With a token, GitHub accepts any name.
    - name: GITSYNC_USERNAME
      value: x-access-token
    - name: GITSYNC_PASSWORD_FILE
      value: /etc/git-secret/token
    {{- else if eq $git.credentials "ssh" }}
    - name: GITSYNC_SSH_KEY_FILE
      value: /etc/git-secret/ssh
    - name: GITSYNC_SSH_KNOWN_HOSTS_FILE
      value: /etc/git-secret/known_hosts
    {{- else if eq $git.credentials "githubApp" }}
    - name: GITSYNC_GITHUB_APP_PRIVATE_KEY_FILE
      value: /etc/git-secret/github-app-private-key
    - name: GITSYNC_GITHUB_APP_APPLICATION_ID
      value: {{ $git.githubAppId | toJson | trimAll "\"" | quote }}
    - name: GITSYNC_GITHUB_APP_INSTALLATION_ID
      value: {{ $git.githubInstallationId | toJson | trimAll "\"" | quote }}
    {{- with (index .Values.settings "GITHUB_API_URL") }}
    - name: GITSYNC_GITHUB_BASE_URL
      value: {{ trimSuffix "/" . }}/
    {{- end }}
    {{- end }}
    {{- with $git.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  ports:
    - name: git-sync
      containerPort: 2020
      protocol: TCP
  startupProbe:
    httpGet: { path: /, port: git-sync }
    periodSeconds: 2
    timeoutSeconds: 2
    failureThreshold: 150
  resources:
    {{- toYaml $git.resources | nindent 4 }}
  securityContext:
    {{- $context := include "gh-runner.securityContext" . | fromYaml }}
    {{- if ne (include "gh-runner.isOpenShift" .) "true" }}
    {{- /* ssh needs a user with a name, and the image has this one. */}}
    {{- $_ := set $context "runAsUser" 65533 }}
    {{- end }}
    {{- toYaml $context | nindent 4 }}
  volumeMounts:
    - name: git
      mountPath: /git
    {{- if ne $git.credentials "none" }}
    - name: git-secret
      mountPath: /etc/git-secret
      readOnly: true
    {{- end }}
    - name: git-tmp
      mountPath: /tmp
{{- end }}

{{- define "gh-runner.workflows.sidecars" -}}
{{- end }}

{{/* Objects apart from the pod. Each begins with a line of three dashes. When one changes, Kubernetes replaces the pods. */}}
{{- define "gh-runner.workflows.objects" -}}
{{- if and .Values.flux (not (include "gh-runner.workflows.source" .)) }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "gh-runner.workflows.fluxConfigMap" . }}
  namespace: {{ include "gh-runner.namespace" . }}
  labels:
    {{- include "gh-runner.labels" . | nindent 4 }}
data:
  {{- (.Files.Glob "files/*.ts").AsConfig | nindent 2 }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (eq (include "gh-runner.workflows.source" .) "git") (eq .Values.workflows.git.credentials "ssh") }}
---
# In addition to the chart's NetworkPolicy: git-sync reaches the repository by SSH.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "gh-runner.fullname" . }}-git
  namespace: {{ include "gh-runner.namespace" . }}
  labels:
    {{- include "gh-runner.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "gh-runner.selectorLabels" . | nindent 6 }}
  policyTypes: [Egress]
  egress:
    - ports:
        - port: 22
          protocol: TCP
{{- end }}
{{- end }}
