{{/* What all parts have in common. Each takes a dict: `root`, and what it is about. */}}

{{- define "thinmesh.labels" -}}
app.kubernetes.io/part-of: thinmesh
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ .name }}
{{- end }}

{{/* Priority classes are the whole cluster's: a namespace has its own. */}}
{{- define "thinmesh.class" -}}
{{ .root.Release.Namespace | default "default" }}-thinmesh-{{ .class }}
{{- end }}

{{- define "thinmesh.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- if .root.Values.priorityClasses }}
priorityClassName: {{ include "thinmesh.class" . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "thinmesh.hardened" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "thinmesh.image" -}}
image: {{ printf "%s/%s:%s" .root.Values.images.prefix .target .root.Values.mesh.version | quote }}
{{- end }}

{{/* The flags that every process of thinmesh has, as the end of its args. */}}
{{- define "thinmesh.flags" -}}
- --config
- /etc/thinmesh/thinmesh.yaml
- --state
- /var/lib/thinmesh/state
- --admin
- 127.0.0.1:{{ .admin }}
{{- end }}

{{- define "thinmesh.environment" -}}
{{- with .root.Values.secrets.environment }}
envFrom: [{secretRef: {name: {{ . }}}}]
{{- end }}
{{- end }}

{{/* The admin listener is loopback's, as all that has no certificate; so the question is asked from inside. */}}
{{- define "thinmesh.ask" -}}
exec: {command: [python, -c, "import urllib.request as u; u.urlopen('http://127.0.0.1:{{ .admin }}/{{ .path }}', timeout=2)"]}
timeoutSeconds: 5
{{- end }}

{{- define "thinmesh.mounts" -}}
- {name: config, mountPath: /etc/thinmesh, readOnly: true}
- {name: state, mountPath: /var/lib/thinmesh}
- {name: temporary, mountPath: /tmp}
{{- with .root.Values.mesh.tls }}
- {name: tls, mountPath: {{ . | quote }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "thinmesh.volumes" -}}
- {name: config, configMap: {name: thinmesh}}
- {name: state, emptyDir: {sizeLimit: 1Gi}}
- {name: temporary, emptyDir: {sizeLimit: 1Gi}}
{{- if .root.Values.mesh.tls }}
- {name: tls, secret: {secretName: {{ index .root.Values.secrets .role }}, defaultMode: 0440}}
{{- end }}
{{- end }}

{{- define "thinmesh.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {app.kubernetes.io/instance: {{ .root.Release.Name }}, app.kubernetes.io/name: {{ .name }}}}
{{- end }}

{{/* One pod at a time may be taken away on purpose. */}}
{{- define "thinmesh.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels: {{ include "thinmesh.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app.kubernetes.io/instance: {{ .root.Release.Name }}, app.kubernetes.io/name: {{ .name }}}}
{{- end }}
