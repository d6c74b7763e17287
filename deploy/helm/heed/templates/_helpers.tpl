{{- define "heed.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of everything in this release: the release's own, unless it holds the chart's name already. */}}
{{- define "heed.fullname" -}}
{{- $name := include "heed.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a pod is chosen by: (dict "root" $ "part" "collector"). It must never change for a release. */}}
{{- define "heed.selector" -}}
app.kubernetes.io/name: {{ include "heed.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "heed.labels" -}}
{{ include "heed.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | quote }}
{{- end -}}

{{/* What all pods have in common, above their containers: (dict "root" $ "part" … "values" .Values.collector). */}}
{{- define "heed.pod" -}}
serviceAccountName: {{ include "heed.fullname" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ .values.topologyKey }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "heed.selector" . | nindent 8 }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What all containers have in common, below their name, arguments and ports. */}}
{{- define "heed.container" -}}
image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}"
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources: {{- toYaml .values.resources | nindent 2 }}
startupProbe:
  httpGet: {path: /livez, port: api}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: api}
  periodSeconds: 10
  failureThreshold: 6
{{/* ready has what Kafka or ClickHouse cannot take away from a collector, so that it stays while they are gone */ -}}
readinessProbe:
  httpGet: {path: /readyz, port: api}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{- define "heed.env" -}}
- {name: HEED_CONFIG, value: /etc/heed/heed.yaml}
- {name: HEED_DATA_DIR, value: /data/heed} # made by heed, for its user alone; a volume itself is open to the pod's group
- {name: HEED_API_ADDRESS, value: "0.0.0.0:8082"}
- name: HEED_API_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .Values.secrets.api.name }}, key: {{ .Values.secrets.api.key }}}}
- name: HEED_CLICKHOUSE_DSN
  valueFrom: {secretKeyRef: {name: {{ .Values.secrets.clickhouse.name }}, key: {{ .Values.secrets.clickhouse.key }}}}
{{- with .Values.secrets.kafkaPassword }}
{{- if .name }}
- name: HEED_KAFKA_SASL_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key }}}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "heed.mounts" -}}
- {name: config, mountPath: /etc/heed/heed.yaml, subPath: heed.yaml, readOnly: true}
- {name: data, mountPath: /data}
- {name: tmp, mountPath: /tmp}
{{- if .Values.secrets.kafkaTLS.name }}
- {name: kafka-tls, mountPath: /etc/heed/kafka, readOnly: true}
{{- end }}
{{- end -}}

{{- define "heed.volumes" -}}
- name: config
  configMap: {name: {{ include "heed.fullname" . }}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- if .Values.secrets.kafkaTLS.name }}
- name: kafka-tls
  secret: {secretName: {{ .Values.secrets.kafkaTLS.name }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{/* The install's secret, for those who need it: collectors seal choices under it, loaders sign roots. */}}
{{- define "heed.installEnv" -}}
- {name: HEED_INSTALL_SECRET_FILE, value: /etc/heed/install/secret}
{{- end -}}

{{- define "heed.installMount" -}}
- {name: install, mountPath: /etc/heed/install, readOnly: true}
{{- end -}}

{{- define "heed.installVolume" -}}
- name: install
  secret:
    secretName: {{ .Values.secrets.install.name }}
    defaultMode: 0440
    items: [{key: {{ .Values.secrets.install.key }}, path: secret}]
{{- end -}}

{{- define "heed.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "heed.fullname" .root }}-{{ .part }}
  labels: {{- include "heed.labels" . | nindent 4 }}
spec:
  {{- toYaml .values.podDisruptionBudget | nindent 2 }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "heed.selector" . | nindent 6 }}
{{- end -}}
