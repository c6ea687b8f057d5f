{{/* Name of the chart, in labels. */}}
{{- define "internvl-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Name of the objects. */}}
{{- define "internvl-operator.fullname" -}}
{{- $name := include "internvl-operator.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "internvl-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "internvl-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "internvl-operator.labels" -}}
{{ include "internvl-operator.selectorLabels" . }}
app.kubernetes.io/component: controller
app.kubernetes.io/part-of: internvl-operator
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "internvl-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "internvl-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "internvl-operator.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Subjects of the bindings. */}}
{{- define "internvl-operator.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "internvl-operator.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{/* The defaults for the models' pods, as the operator reads them: without what is not given. */}}
{{- define "internvl-operator.platformDefaults" -}}
{{- $defaults := .Values.platformDefaults }}
{{- $given := dict }}
{{- $engine := dict }}
{{- range $field := list "version" "registry" "digests" "images" }}
{{- with index $defaults.engine $field }}{{ $_ := set $engine $field . }}{{ end }}
{{- end }}
{{- with $engine }}{{ $_ := set $given "engine" . }}{{ end }}
{{- with int $defaults.gpu.maxCount }}{{ $_ := set $given "gpu" (dict "maxCount" .) }}{{ end }}
{{- with $defaults.imagePullSecrets }}{{ $_ := set $given "imagePullSecrets" . }}{{ end }}
{{- with $defaults.huggingFace.endpoint }}{{ $_ := set $given "huggingFace" (dict "endpoint" .) }}{{ end }}
{{- with $defaults.cache.storageClassName }}{{ $_ := set $given "cache" (dict "storageClassName" .) }}{{ end }}
{{- $proxy := dict }}
{{- range $field := list "httpProxy" "httpsProxy" "noProxy" }}
{{- with index $defaults.proxy $field }}{{ $_ := set $proxy $field . }}{{ end }}
{{- end }}
{{- with $proxy }}{{ $_ := set $given "proxy" . }}{{ end }}
{{- if $defaults.caBundle.configMapName }}{{ $_ := set $given "caBundle" $defaults.caBundle }}{{ end }}
{{- range $field := list "nodeSelector" "tolerations" "identity" "runtimeClassName" "schedulerName" "priorityClassName" "podLabels" "podAnnotations" }}
{{- with index $defaults $field }}{{ $_ := set $given $field . }}{{ end }}
{{- end }}
{{- $kedaHttp := dict }}
{{- range $field := list "namespace" "interceptor" "scaler" }}
{{- with index $defaults.kedaHttp $field }}{{ $_ := set $kedaHttp $field . }}{{ end }}
{{- end }}
{{- with $kedaHttp }}{{ $_ := set $given "kedaHttp" . }}{{ end }}
{{- with $defaults.networkPolicy.from }}{{ $_ := set $given "networkPolicy" (dict "from" .) }}{{ end }}
{{- with $defaults.endpointPicker.image }}{{ $_ := set $given "endpointPicker" (dict "image" .) }}{{ end }}
{{- toYaml $given }}
{{- end }}

{{/*
An expression of a policy: each of the values is allowed, by its whole text or, with a star at the end, by its beginning.
*/}}
{{- define "internvl-operator.onlyAllowed" -}}
{{- if .allowed -}}
{{ .values }}.all(value, {{ toJson .allowed }}.exists(one, one.endsWith('*') ? value.startsWith(one.substring(0, one.size() - 1)) : value == one))
{{- else -}}
{{ .values }}.size() == 0
{{- end -}}
{{- end }}
