{{/* "true" if the cluster is OpenShift, which assigns users to each namespace. */}}
{{- define "gh-runner.isOpenShift" -}}
{{- if eq (toString .Values.openshift) "auto" -}}
{{- .Capabilities.APIVersions.Has "security.openshift.io/v1" -}}
{{- else -}}
{{- .Values.openshift -}}
{{- end -}}
{{- end }}

{{/* The given security context. On OpenShift without the image's user and groups, because OpenShift rejects a pod that names them. */}}
{{- define "gh-runner.withoutImageUser" -}}
{{- $context := deepCopy (index . 1) -}}
{{- if eq (include "gh-runner.isOpenShift" (index . 0)) "true" -}}
{{- range list "runAsUser" "runAsGroup" "fsGroup" -}}
{{- if eq (index $context . | toString) "65532" -}}{{- $_ := unset $context . -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $context -}}
{{- end }}

{{- define "gh-runner.podSecurityContext" -}}
{{- include "gh-runner.withoutImageUser" (list . .Values.podSecurityContext) -}}
{{- end }}

{{- define "gh-runner.securityContext" -}}
{{- include "gh-runner.withoutImageUser" (list . .Values.securityContext) -}}
{{- end }}

{{/* Rules that allow DNS, in the cluster or by NodeLocal DNSCache. */}}
{{- define "gh-runner.dnsEgress" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
    - ipBlock:
        cidr: 169.254.20.10/32
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- if eq (include "gh-runner.isOpenShift" .) "true" }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: openshift-dns
  ports:
    - port: 5353
      protocol: UDP
    - port: 5353
      protocol: TCP
{{- end }}
{{- end }}
