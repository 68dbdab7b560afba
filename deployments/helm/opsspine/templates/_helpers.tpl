{{- define "opsspine.labels" -}}
app.kubernetes.io/name: opsspine
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "opsspine.selector" -}}
app.kubernetes.io/name: opsspine
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "opsspine.pod" -}}
serviceAccountName: {{ .Release.Name }}-opsspine
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
{{ toYaml . | indent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
{{ toYaml . | indent 2 }}
{{- end }}
volumes:
  - name: scratch
    emptyDir: {}
  - name: data
    emptyDir: {}
{{- end -}}

{{- define "opsspine.container" -}}
image: {{ printf "%s:%s" .Values.image.repository .Values.image.tag | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
envFrom:
  - configMapRef:
      name: {{ .Release.Name }}-opsspine
  - secretRef:
      name: {{ .Values.secret.name }}
volumeMounts:
  - name: scratch
    mountPath: /tmp
  - name: data
    mountPath: /var/lib/opsspine
{{- end -}}
