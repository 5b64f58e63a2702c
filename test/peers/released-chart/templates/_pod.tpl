{{- define "gh-runner.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
{{- end }}

{{- define "gh-runner.metadata" -}}
name: {{ .Release.Name }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "gh-runner.labels" . | nindent 2 }}
{{- end }}

{{- define "gh-runner.pod" -}}
metadata:
  labels:
    {{- include "gh-runner.labels" . | nindent 4 }}
  annotations:
    # Settings are read at the start: pods are replaced when they change.
    checksum/settings: {{ include (print $.Template.BasePath "/config-maps.yaml") . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ .Release.Name }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  # 10 s for what is in flight, 5 s before that where there are other replicas, and some to spare.
  terminationGracePeriodSeconds: 30
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- if eq .Values.store "postgres" }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "gh-runner.labels" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: gh-runner
      image: {{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
      {{- with .Values.image.pullPolicy }}
      imagePullPolicy: {{ . }}
      {{- end }}
      envFrom:
        - configMapRef:
            name: {{ .Release.Name }}
      env:
        {{- if .Values.githubApp }}
        - name: GITHUB_APP_PRIVATE_KEY_FILE
          value: /run/secrets/gh-runner/github-app-private-key
        {{- else }}
        - name: GITHUB_TOKEN_FILE
          value: /run/secrets/gh-runner/github-token
        {{- end }}
        - name: AUTH_TOKENS_FILE
          value: /run/secrets/gh-runner/auth-tokens
        - name: DATA_DIR
          value: /data
        {{- if eq .Values.store "postgres" }}
        - name: DATABASE_URL_FILE
          value: /run/secrets/gh-runner/database-url
        {{- end }}
        {{- if .Values.webhook }}
        - name: GITHUB_WEBHOOK_SECRET_FILE
          value: /run/secrets/gh-runner/github-webhook-secret
        {{- end }}
        {{- if .Values.flux }}
        - name: WORKFLOWS_DIR
          value: /workflows
        - name: FLUX_HMAC_KEY_FILE
          value: /run/secrets/gh-runner/flux-hmac-key
        {{- end }}
      ports:
        - name: http
          containerPort: 9555
          protocol: TCP
      {{- if eq .Values.store "postgres" }}
      lifecycle:
        preStop:
          # Until the Service has heard that this pod goes, it still sends callers here.
          sleep:
            seconds: 5
      {{- end }}
      startupProbe:
        httpGet: { path: /health, port: http }
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 30
      livenessProbe:
        httpGet: { path: /health, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /ready, port: http }
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: data
          mountPath: /data
        - name: secrets
          mountPath: /run/secrets/gh-runner
          readOnly: true
        {{- if .Values.flux }}
        - name: workflows
          mountPath: /workflows
          readOnly: true
        {{- end }}
  volumes:
    - name: secrets
      secret:
        secretName: {{ .Values.secretName }}
        # 0440: read by the group, which is fsGroup.
        defaultMode: 288
    {{- if eq .Values.store "postgres" }}
    - name: data
      emptyDir:
        sizeLimit: 64Mi
    {{- end }}
    {{- if .Values.flux }}
    - name: workflows
      configMap:
        name: {{ .Release.Name }}-workflows
    {{- end }}
{{- end }}
